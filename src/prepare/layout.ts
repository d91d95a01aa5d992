/** The layouts that the loaders of `src/data` read, from the writing side. */

import { encodedName } from '../codec/encode.js';
import { AFFECTNET_CLASSES } from '../data/affectnet.js';
import { loadDataset } from '../data/datasets.js';
import { RAFDB_CLASSES } from '../data/rafdb.js';
import type { Dataset, Sample } from '../data/types.js';
import type { Alignment, Layout, PartCounts, PlannedPicture } from './plan.js';

/** Three lists in `basic/EmoLabel`, labels from 1; `subjects.txt` beside them when the pictures have subjects. */
export const rafdbLayout: Layout = {
  dataset: 'rafdb',
  tops: ['basic'],
  lists: (pictures) => listFiles('basic/EmoLabel', '', pictures, RAFDB_CLASSES, 1),
  count: (out) => countTrainTest(loadDataset({ name: 'rafdb', dataPath: out })),
};

/** Three lists for 8 classes and three for the 7 without contempt in `affectnet_info`, labels from 0. */
export const affectnetLayout: Layout = {
  dataset: 'affectnet (or affectnet_8)',
  tops: ['Manually_Annotated_Images', 'affectnet_info'],
  lists: (pictures) => {
    const seven = AFFECTNET_CLASSES.slice(0, 7);
    const withoutContempt = pictures.filter(({ label }) => label !== 'contempt');
    return {
      ...listFiles('affectnet_info', '', withoutContempt, seven, 0),
      ...listFiles('affectnet_info', '_8cls', pictures, AFFECTNET_CLASSES, 0),
    };
  },
  count: (out) => {
    loadDataset({ name: 'affectnet', dataPath: out });
    return countTrainTest(loadDataset({ name: 'affectnet_8', dataPath: out }));
  },
};

/** `train/<class>/` and `test/<class>/`; `subjects.txt` (`path subject`) beside them when the pictures have subjects. */
export const folderLayout: Layout = {
  dataset: 'folder',
  tops: ['train', 'test', 'subjects.txt'],
  lists: (pictures): Record<string, string> => {
    const lines = pictures.flatMap(({ path, subject }) => (subject === undefined ? [] : [`${path} ${subject}\n`]));
    return lines.length > 0 ? { 'subjects.txt': lines.join('') } : {};
  },
  count: (out) => countTrainTest(loadDataset({ name: 'folder', dataPath: out })),
};

/** As `folderLayout` for class folders that no one has split: the loader does it. */
export function unsplitFolderLayout(classes: readonly string[]): Layout {
  return { ...folderLayout, tops: [...classes, 'subjects.txt'] };
}

/**
 * FER+'s own: `fer2013new.csv` as its owners wrote it, beside the three folders of pictures.
 *
 * @param withPrivate whether there are pictures of the private test set; the loader needs the other two
 */
export function ferplusLayout(votes: string, withPrivate: boolean): Layout {
  return {
    dataset: 'ferplus',
    tops: ['FER2013Train', 'FER2013Valid', 'FER2013Test', 'fer2013new.csv'],
    lists: () => ({ 'fer2013new.csv': votes }),
    count: (out) => {
      const majority = loadDataset({ name: 'ferplus', dataPath: out });
      const distribution = loadDataset({ name: 'ferplus', dataPath: out, votes: 'distribution' });
      const part = (name: string, samples: readonly Sample[]) => ({ name, counts: perClass(samples, majority.classes) });
      const parts = [
        part('train (majority)', majority.train),
        part('train (distribution)', distribution.train),
        part('valid', majority.test),
      ];
      if (withPrivate) parts.push(part('test', loadDataset({ name: 'ferplus', dataPath: out, ferplusTest: 'test' }).test));
      return { classes: majority.classes, parts };
    },
  };
}

function listFiles(
  folder: string,
  suffix: string,
  pictures: readonly PlannedPicture[],
  classes: readonly string[],
  firstLabel: number,
): Record<string, string> {
  const list = (value: (picture: PlannedPicture) => string | number) =>
    pictures.map((picture, i) => `${i + 1} ${value(picture)}\n`).join('');
  const subjects = pictures.some(({ subject }) => subject !== undefined);
  return {
    [`${folder}/images${suffix}.txt`]: list(({ name }) => name),
    [`${folder}/image_class_labels${suffix}.txt`]: list(({ label }) => classes.indexOf(label) + firstLabel),
    [`${folder}/train_test_split${suffix}.txt`]: list(({ train }) => (train ? 1 : 0)),
    ...(subjects ? { [`${folder}/subjects${suffix}.txt`]: list(({ subject }) => subject ?? '') } : {}),
  };
}

function countTrainTest({ classes, train, test }: Dataset): PartCounts {
  return {
    classes,
    parts: [
      { name: 'train', counts: perClass(train, classes) },
      { name: 'test', counts: perClass(test, classes) },
    ],
  };
}

function perClass(samples: readonly Sample[], classes: readonly string[]): number[] {
  const counts = classes.map(() => 0);
  for (const { label } of samples) counts[label] = (counts[label] ?? 0) + 1;
  return counts;
}

/** A picture's name in the data set: the owner's, with `.png` added to aligned ones that it calls neither JPEG nor PNG. */
export function outputName(name: string, align: Alignment): string {
  return align === 'none' ? name : encodedName(name);
}
