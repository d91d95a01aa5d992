import { existsSync } from 'node:fs';
import { join, parse } from 'node:path';
import { createDirectoryIndex } from '../directories.js';
import { type ListEntry, readLists } from './lists.js';
import { byClass, splitEntries } from './split.js';
import type { Dataset, Parts } from './types.js';

/** RAF-DB's basic expressions in the order of its labels 1 to 7 (Li, Deng and Du 2017). */
export const RAFDB_CLASSES = ['surprise', 'fear', 'disgusted', 'happy', 'sad', 'anger', 'neutral'] as const;

/**
 * Reads RAF-DB in the original's layout: lists in `basic/EmoLabel`, pictures in `basic/Image`.
 *
 * A name with a folder (`aligned_224/train_00001.jpg`) is relative to `basic/Image`. Bare names lie together in one folder, the
 * first of `aligned_224`, `aligned` and `Image` itself that holds any of them, as `train_00001.jpg` or with the database's own
 * `train_00001_aligned.jpg`. Each split is ordered by class, then by index, as the original does it.
 *
 * @param dataPath the data set's root, or its `basic` folder.
 * @throws UaferError `DATA` naming file and line (see `readLists`), or the pictures that are not there.
 */
export function loadRafdb(dataPath: string, parts: Parts): Dataset {
  const basic = existsSync(join(dataPath, 'basic')) ? join(dataPath, 'basic') : dataPath;
  const entries = readLists({ folder: join(basic, 'EmoLabel'), suffix: '', firstLabel: 1, lastLabel: RAFDB_CLASSES.length });
  const pathOf = pictureFinder(join(basic, 'Image'), entries);
  const { train, test } = splitEntries(entries, { firstLabel: 1, parts, pathOf });
  const count = RAFDB_CLASSES.length;
  return { name: 'rafdb', root: dataPath, classes: RAFDB_CLASSES, train: byClass(train, count), test: byClass(test, count) };
}

/** Candidates in order of preference; the data set lacks a picture when none exists. */
function pictureFinder(images: string, entries: readonly ListEntry[]): (name: string) => string[] {
  const directories = createDirectoryIndex();
  const folders = ['aligned_224', 'aligned', ''].map((folder) => join(images, folder));
  const holdsAny = (folder: string) =>
    entries.some(({ name }) => isBare(name) && spellings(name).some((spelling) => directories.has(join(folder, spelling))));
  const home = folders.find(holdsAny) ?? join(images, 'aligned_224');
  return (name) => (isBare(name) ? spellings(name).map((spelling) => join(home, spelling)) : [join(images, name)]);
}

const isBare = (name: string): boolean => !/[\\/]/.test(name);

function spellings(name: string): string[] {
  const { name: stem, ext } = parse(name);
  return [name, `${stem}_aligned${ext}`];
}
