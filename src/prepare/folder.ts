import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { loadFolder } from '../data/folder.js';
import type { Sample } from '../data/types.js';
import { folderLayout, outputName, unsplitFolderLayout } from './layout.js';
import type { Alignment, Plan, PlannedPicture } from './plan.js';
import { fileSource } from './store.js';

/**
 * Pictures in class folders, with or without `train` and `test`: aligned copies in the same folders, by the same names. Where there is a
 * `subjects.txt`, so it is there.
 *
 * @throws UaferError `DATA` as the loader of such folders does
 */
export async function planFolder(raw: string, { align }: { align: Alignment }): Promise<Plan> {
  const { classes, train, test } = loadFolder({ dataPath: raw, parts: 'all' });
  const planned = (samples: readonly Sample[], isTrain: boolean) =>
    samples.map(({ file, path, label, subject }): PlannedPicture => {
      const output = outputName(file, align);
      const picture = { source: fileSource(path), name: output, path: output, label: classes[label] as string, train: isTrain };
      return subject === undefined ? picture : { ...picture, subject };
    });
  return {
    set: 'folder',
    pictures: [...planned(train, true), ...planned(test, false)],
    leftOut: [],
    layout: existsSync(join(raw, 'train')) ? folderLayout : unsplitFolderLayout(classes),
    published: {},
    notes: [],
    close: () => {},
  };
}
