/** The data sets: a row each. Adding one is adding its row and its loader. */
import { resolve } from 'node:path';
import { UaferError } from '../errors.js';
import { whyAbsent } from '../files.js';
import { type Colour, IMAGENET, type Preprocessing, type ResizeRule } from '../image/preprocess.js';
import type { DecisiveMetric } from '../metrics/metrics.js';
import { AFFECTNET_CLASSES, loadAffectnet } from './affectnet.js';
import type { Augmentation, TransformOptions } from './augment.js';
import { FERPLUS_CLASSES, type FerplusTest, loadFerplus, type VoteRule } from './ferplus.js';
import { loadFolder, loadFolderValidation } from './folder.js';
import { type FoldChoice, takeFold } from './folds.js';
import { loadRafdb, RAFDB_CLASSES } from './rafdb.js';
import type { Dataset, Parts } from './types.js';
import { withVotes } from './votesFile.js';

/** What a loader is told. */
export interface LoadOptions {
  /** The data set's root, or the original's `basic` folder of RAF-DB. */
  dataPath: string;
  /** Which pictures are wanted: those of the other part need not be there. */
  parts: Parts;
  /** FER+ only: whether training takes the pictures with a majority label or every usable one. */
  votes: VoteRule;
  /** FER+ only: which held-out part is the test set. */
  ferplusTest: FerplusTest;
  /** Folders only: a regular expression on the pictures' names whose first group is the person. */
  subjectPattern?: string | undefined;
}

/** Everything that the program knows of a data set. */
export interface DatasetRow {
  /** As `--dataset` says it. */
  name: string;
  /** The classes, where the data set fixes them. */
  classes?: readonly string[];
  load(options: LoadOptions): Dataset;
  /** The validation pictures of its owners, as the test part of a data set; null where the folder has none. Left out where there are never any. */
  validation?(options: LoadOptions): Dataset | null;
  /** How pictures are brought to the model's size, where the model doesn't say otherwise. */
  resize: ResizeRule;
  /** Whether the middle is cut out of pictures that are not square, where nothing else is said; else they are an error. */
  centerCrop?: true;
  /** Its own augmentation in training. */
  augment: Augmentation;
  /** Its own order in training: each picture once, or drawn with replacement by inverse class frequency. */
  draw: 'shuffle' | 'imbalanced';
  /** The metric that decides which weights are best: the one that papers report for it. */
  decisive: DecisiveMetric;
  /** Settings of `data` that only this data set and its like have. */
  options?: readonly ('votes' | 'ferplusTest' | 'subjectPattern')[];
}

const AFFECTNET = {
  resize: 'square-bilinear',
  augment: 'affectnet',
  draw: 'imbalanced',
  decisive: 'meanClassAccuracy',
} as const;
const ORIGINAL = { resize: 'shorter-bicubic', augment: 'flip', draw: 'shuffle', decisive: 'accuracy' } as const;

const rows = new Map<string, DatasetRow>();

/**
 * Makes a data set known by its name to `resolveConfig`, `createTask`, `train` and evaluation in this thread.
 *
 * @example
 * addDataset({
 *   name: 'mine', load: ({ dataPath, parts }) => loadMine(dataPath, parts),
 *   resize: 'shorter-bicubic', augment: 'flip', draw: 'shuffle', decisive: 'accuracy',
 * });
 */
export function addDataset(row: DatasetRow): void {
  if (rows.has(row.name)) throw new UaferError('USAGE', `There is a data set "${row.name}" already.`);
  rows.set(row.name, row);
}

addDataset({ ...ORIGINAL, name: 'rafdb', classes: RAFDB_CLASSES, load: ({ dataPath, parts }) => loadRafdb(dataPath, parts) });
addDataset({
  ...AFFECTNET,
  name: 'affectnet',
  classes: AFFECTNET_CLASSES.slice(0, 7),
  load: ({ dataPath, parts }) => loadAffectnet(dataPath, 7, parts),
});
addDataset({
  ...AFFECTNET,
  name: 'affectnet_8',
  classes: AFFECTNET_CLASSES,
  load: ({ dataPath, parts }) => loadAffectnet(dataPath, 8, parts),
});
addDataset({
  ...ORIGINAL,
  name: 'ferplus',
  classes: FERPLUS_CLASSES,
  options: ['votes', 'ferplusTest'],
  load: ({ ferplusTest, ...options }) => loadFerplus({ ...options, test: ferplusTest }),
  validation: (options) => loadFerplus({ ...options, test: 'valid' }),
});
addDataset({
  ...ORIGINAL,
  name: 'folder',
  centerCrop: true,
  options: ['subjectPattern'],
  load: loadFolder,
  validation: loadFolderValidation,
});

/** The names that `--dataset` takes. */
export function datasetNames(): string[] {
  return [...rows.keys()];
}

/** The row of a data set. Throws `USAGE` when there is none of this name. */
export function datasetRow(name: string): DatasetRow {
  const row = rows.get(name);
  if (row) return row;
  throw new UaferError('USAGE', `There is no data set "${name}": expected one of ${datasetNames().join(', ')}.`);
}

export type DatasetOptions = { name: string; dataPath: string } & Partial<LoadOptions> & FoldChoice;

/**
 * Reads a data set's lists and checks all of them, and that every picture is there, before anything is trained. With `parts` `test` the
 * training pictures are left out, and need not be there but where a fold is asked for, which is cut from both parts.
 *
 * @throws UaferError `DATA` naming files and lines: the count of what is wrong and the first few; as `takeFold` does
 */
export function loadDataset({ folds, fold, foldList, ...options }: DatasetOptions): Dataset {
  const { name, dataPath, parts = 'all' } = options;
  const why = whyAbsent(dataPath);
  if (why) throw new UaferError('DATA', `--data-path: ${resolve(dataPath)} ${why}`);
  const read = (wanted: Parts) => datasetRow(name).load({ votes: 'majority', ferplusTest: 'valid', ...options, parts: wanted });
  const cut = folds !== undefined || fold !== undefined || foldList !== undefined;
  // A fold takes pictures from both parts, whichever of them is wanted.
  const dataset = cut
    ? withParts(withVotes(takeFold(read('all'), { folds, fold, foldList }), 'all'), parts)
    : withVotes(read(parts), parts);
  for (const part of ['train', 'test'] as const) {
    const wanted = parts === 'all' || part === 'test';
    if (wanted && dataset[part].length === 0) throw new UaferError('DATA', `${dataPath}: the data set has no ${part} pictures`);
  }
  return dataset;
}

function withParts(dataset: Dataset, parts: Parts): Dataset {
  return parts === 'all' ? dataset : { ...dataset, train: [] };
}

/** How pictures are made for a model that is trained on a data set, as in the original. */
export function preprocessingFor(dataset: string, imageSize: number, colour: Colour = 'rgb'): Preprocessing {
  return { imageSize, resize: datasetRow(dataset).resize, colour, ...IMAGENET };
}

/** `default` is the data set's own. */
export type AugmentChoice = 'default' | 'none' | 'strong' | 'soft';

export interface TransformChoice {
  dataset: string;
  preprocessing: Preprocessing;
  train: boolean;
  augment: AugmentChoice;
  /** The data set's own way, when left out. */
  centerCrop?: boolean | undefined;
}

/** The transform of a data set's training or test pictures; test pictures are only preprocessed. */
export function transformFor({ dataset, preprocessing, train, augment, centerCrop }: TransformChoice): TransformOptions {
  const row = datasetRow(dataset);
  const chosen = augment === 'default' ? row.augment : augment;
  return { ...preprocessing, centerCrop: centerCrop ?? row.centerCrop ?? false, augment: train ? chosen : 'none' };
}
