import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { loadFolder } from '../data/folder.js';
import type { Sample } from '../data/types.js';
import { folderLayout, outputName, unsplitFolderLayout } from './layout.js';
import type { Alignment, Plan, PlannedPicture } from './plan.js';
import { fileSource } from './store.js';

/**
 * Pictures in class folders, with or without `train` and `test`: aligned copies in the same folders, by the same names.
 *
 * @throws UaferError `DATA` as the loader of such folders does
 */
export async function planFolder(raw: string, { align }: { align: Alignment }): Promise<Plan> {
  const { classes, train, test } = loadFolder(raw, 'all');
  const planned = (samples: readonly Sample[], isTrain: boolean) =>
    samples.map(({ file, path, label }): PlannedPicture => {
      const output = outputName(file, align);
      return { source: fileSource(path), name: output, path: output, label: classes[label] as string, train: isTrain };
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
