/** Pictures that are neither trained on nor tested on: what calibration is fitted to. */

import { resolve } from 'node:path';
import { UaferError } from '../errors.js';
import { whyAbsent } from '../files.js';
import { type DatasetOptions, datasetRow, loadDataset } from './datasets.js';
import { inHashOrder } from './people.js';
import type { Dataset, Sample } from './types.js';

export interface ValidationOptions extends DatasetOptions {
  /** Share of the training pictures that `keepOut` kept from training; 0 takes the owners' validation part. */
  validShare: number;
}

export interface Validation {
  classes: readonly string[];
  samples: readonly Sample[];
  /** Where they come from, in words. */
  what: string;
  /** Whether they are the test pictures of these options too, as FER+'s are by default. */
  tested: boolean;
}

/**
 * The validation pictures: the share of the training pictures that was kept out of training, where one was; else those of the data set's
 * owners.
 *
 * @throws UaferError `DATA` when there are neither, or as `loadDataset` does
 */
export function loadValidation({ validShare, ...options }: ValidationOptions): Validation {
  const { name, dataPath, ferplusTest = 'valid' } = options;
  if (validShare > 0) {
    const whole = loadDataset(options);
    const what = `${100 * validShare}% of the training pictures of ${name}, kept out of training`;
    return { classes: whole.classes, samples: keptOut(whole, validShare), what, tested: false };
  }
  const why = whyAbsent(dataPath);
  if (why) throw new UaferError('DATA', `--data-path: ${resolve(dataPath)} ${why}`);
  const own = datasetRow(name).validation?.({ votes: 'majority', ferplusTest, ...options, parts: 'test' });
  if (own) {
    const tested = name === 'ferplus' && ferplusTest === 'valid';
    return { classes: own.classes, samples: own.test, what: `the validation part of ${name}`, tested };
  }
  throw new UaferError(
    'DATA',
    `${dataPath} has no validation pictures: what is fitted to pictures of training would be too sure, and what is fitted to those of the ` +
      'test could not be tested. Train with --valid-share 0.1, which keeps a tenth of the training pictures out of training, or take ' +
      'other pictures with --dataset folder and a folder valid/ beside test/.',
  );
}

/** The data set as it is trained on: without the share of its training pictures that is kept out. Throws as `loadDataset` and `keepOut` do. */
export function loadTraining({ validShare, ...options }: ValidationOptions): Dataset {
  return keepOut(loadDataset(options), validShare);
}

/** The data set without the training pictures that are kept for validation. */
function keepOut(dataset: Dataset, validShare: number): Dataset {
  if (validShare === 0) return dataset;
  const kept = new Set(keptOut(dataset, validShare));
  return { ...dataset, train: dataset.train.filter((sample) => !kept.has(sample)) };
}

/**
 * A share of the people, where it is known who is seen, else of each class's pictures, at least one: those whose names come first by
 * SHA-256, so that every run and machine agrees.
 *
 * @throws UaferError `DATA` when nothing would be left to train on
 */
function keptOut({ root, classes, train }: Dataset, share: number): Sample[] {
  const known = train.every(({ subject }) => subject !== undefined);
  const first = (names: readonly string[]) => {
    const ordered = inHashOrder(names);
    return ordered.slice(0, Math.max(1, Math.round(share * ordered.length)));
  };
  const key = ({ subject, file }: Sample) => (known ? (subject as string) : file);
  const groups = known ? [train] : classes.map((_, label) => train.filter((sample) => sample.label === label));
  const chosen = new Set(groups.flatMap((group) => (group.length === 0 ? [] : first(group.map(key)))));
  const kept = train.filter((sample) => chosen.has(key(sample)));
  if (kept.length < train.length) return kept;
  throw new UaferError('DATA', `${root}: no training picture is left when ${100 * share}% are kept for validation.`);
}
