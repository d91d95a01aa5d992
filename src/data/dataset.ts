import { existsSync } from 'node:fs';
import { basename, extname, resolve } from 'node:path';
import { UaferError } from '../errors.js';
import { loadAffectnet } from './affectnet.js';
import { type FerplusTest, loadFerplus, type VoteRule } from './ferplus.js';
import { loadFolder } from './folder.js';
import { readLines } from './lists.js';
import { collectProblems } from './problems.js';
import { loadRafdb } from './rafdb.js';
import type { Dataset, DatasetName, Sample } from './types.js';

export interface DatasetOptions {
  name: DatasetName;
  /** The data set's root, or the original's `basic` folder of RAF-DB. */
  dataPath: string;
  /** FER+ only: whether training takes the pictures with a majority label (the default) or every usable one. */
  votes?: VoteRule;
  /** FER+ only: which held-out part is the test set; `valid` by default. */
  ferplusTest?: FerplusTest;
}

/**
 * Reads a data set's lists and checks all of them, and that every picture is there, before anything is trained.
 *
 * @throws UaferError `DATA` naming files and lines: the count of what is wrong and the first few.
 */
export function loadDataset({ name, dataPath, votes = 'majority', ferplusTest = 'valid' }: DatasetOptions): Dataset {
  if (!existsSync(dataPath)) throw new UaferError('DATA', `--data-path: ${resolve(dataPath)} does not exist`);
  const dataset = load(name, dataPath, votes, ferplusTest);
  for (const part of ['train', 'test'] as const) {
    if (dataset[part].length === 0) throw new UaferError('DATA', `${dataPath}: the data set has no ${part} pictures`);
  }
  return dataset;
}

function load(name: DatasetName, dataPath: string, votes: VoteRule, test: FerplusTest): Dataset {
  switch (name) {
    case 'rafdb':
      return loadRafdb(dataPath);
    case 'affectnet':
      return loadAffectnet(dataPath, 7);
    case 'affectnet_8':
      return loadAffectnet(dataPath, 8);
    case 'ferplus':
      return loadFerplus({ dataPath, votes, test });
    case 'folder':
      return loadFolder(dataPath);
  }
}

/**
 * Keeps the test pictures that a file names, a name a line, such as the occlusion and pose lists of Region Attention Networks (Wang
 * et al. 2020). A name may be the list's own or the picture's bare name; folder, extension, `_aligned` and further columns after a
 * space do not matter, so `6/test_0001_aligned.jpg` and `test_0001_aligned 0 4` both mean `test_0001.jpg`.
 *
 * @throws UaferError `DATA` with the lines whose names the test set lacks, or has more than once.
 */
export function subset(dataset: Dataset, namesFile: string): Dataset {
  const problems = collectProblems();
  const find = pictureLookup(dataset.test);
  const chosen = new Set<Sample>();
  readLines(namesFile).forEach((text, i) => {
    if (text.trim() === '') return;
    const [found, another] = find(text.trim());
    if (found === undefined) problems.add(`${namesFile}:${i + 1}: the test set has no picture "${text.trim()}"`);
    else if (another)
      problems.add(`${namesFile}:${i + 1}: "${text.trim()}" may be ${found.file} or ${another.file}: write it in full`);
    else chosen.add(found);
  });
  problems.check('The subset cannot be used');
  if (chosen.size === 0) throw new UaferError('DATA', `${namesFile} names no picture`);
  return { ...dataset, test: dataset.test.filter((sample) => chosen.has(sample)) };
}

function pictureLookup(samples: readonly Sample[]): (text: string) => readonly Sample[] {
  const whole = new Map<string, Sample[]>();
  const bare = new Map<string, Sample[]>();
  for (const sample of samples) {
    append(whole, sample.file, sample);
    append(bare, bareName(sample.file), sample);
  }
  return (text) => {
    const word = text.split(/\s/)[0] ?? '';
    return whole.get(text) ?? whole.get(word) ?? bare.get(bareName(text)) ?? bare.get(bareName(word)) ?? [];
  };
}

function append(map: Map<string, Sample[]>, key: string, sample: Sample): void {
  const samples = map.get(key);
  if (samples) samples.push(sample);
  else map.set(key, [sample]);
}

const bareName = (name: string): string => basename(name, extname(name)).replace(/_aligned$/, '');
