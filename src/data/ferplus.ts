import { join } from 'node:path';
import { createDirectoryIndex } from '../directories.js';
import { UaferError } from '../errors.js';
import { readLines } from '../files.js';
import { collectProblems, type Problems } from '../problems.js';
import type { Dataset, Parts, Sample } from './types.js';

/** FER+'s expressions in the order of its columns, named as the other data sets name them so that prompts agree. */
export const FERPLUS_CLASSES = ['neutral', 'happy', 'surprise', 'sad', 'anger', 'disgusted', 'fear', 'contempt'] as const;

/** `majority` trains on the pictures that have a majority label only, `distribution` on every usable picture. */
export type VoteRule = 'majority' | 'distribution';

/** Which of FER+'s two held-out parts is the test set: FER2013's public test set, or its private one. */
export type FerplusTest = 'valid' | 'test';

export interface FerplusOptions {
  dataPath: string;
  parts: Parts;
  votes: VoteRule;
  test: FerplusTest;
}

/** The first line of `fer2013new.csv`. */
export const FERPLUS_HEADER = 'Usage,Image name,neutral,happiness,surprise,sadness,anger,disgust,fear,contempt,unknown,NF';
const VOTE_COLUMNS = FERPLUS_HEADER.split(',').length - 2;
const USAGES = ['Training', 'PublicTest', 'PrivateTest'] as const;
type Usage = (typeof USAGES)[number];
/** Where the pictures of FER2013's parts lie. */
export const FERPLUS_FOLDERS: Record<Usage, string> = {
  Training: 'FER2013Train',
  PublicTest: 'FER2013Valid',
  PrivateTest: 'FER2013Test',
};

interface Row {
  line: number;
  usage: Usage;
  name: string;
  /** Votes for the 8 expressions, `unknown` and `NF` (no face). */
  votes: number[];
}

/**
 * Reads FER+ (Barsoum et al. 2016) in its owners' layout: `fer2013new.csv` beside `FER2013Train`, `FER2013Valid` and
 * `FER2013Test`. Single votes are dropped as noise, and pictures whose most votes say `unknown` or "no face" are left out. What is
 * left gives `votes`, the share of each of the 8 expressions, and `label`, the expression with most votes. A *majority* label has
 * more than half of the votes that are left, those for `unknown` and "no face" included; test pictures always have one. All ten counts
 * as they stand in the file are `voteCounts`.
 *
 * @throws UaferError `DATA` naming file and line, or the pictures that are not there.
 */
export function loadFerplus({ dataPath, parts, votes, test }: FerplusOptions): Dataset {
  const testUsage: Usage = test === 'valid' ? 'PublicTest' : 'PrivateTest';
  const file = join(dataPath, 'fer2013new.csv');
  const problems = collectProblems();
  const rows = readRows(file, problems);
  problems.check('FER+ cannot be used');
  const select = (usage: Usage, rule: VoteRule) => {
    const samples = rows.filter((row) => row.usage === usage).flatMap((row) => toSamples(row, rule, dataPath));
    if (samples.length === 0)
      throw new UaferError('DATA', `${file} has no usable line for ${usage}: is it FER+'s own file, whole?`);
    return samples;
  };
  const dataset: Dataset = {
    name: 'ferplus',
    root: dataPath,
    classes: FERPLUS_CLASSES,
    train: parts === 'all' ? select('Training', votes) : [],
    test: select(testUsage, 'majority'),
  };
  reportMissing([...dataset.train, ...dataset.test], problems);
  problems.check(`Pictures that ${file} names are missing`);
  return dataset;
}

/** A picture that stands twice with the same votes is read once. */
function readRows(file: string, problems: Problems): Row[] {
  const [header, ...lines] = readLines(file);
  if (header?.trim() !== FERPLUS_HEADER)
    throw new UaferError('DATA', `${file}:1: expected the header "${FERPLUS_HEADER}", found "${header ?? ''}"`);
  const rows = new Map<string, Row>();
  lines.forEach((text, i) => {
    const row = parseRow(text, i + 2);
    if (typeof row === 'string') problems.add(`${file}:${i + 2}: ${row}`);
    // FER2013 pictures that FER+ found to have no face have no file name either.
    else if (row.name !== '') addRow(rows, row, file, problems);
  });
  return [...rows.values()];
}

function addRow(rows: Map<string, Row>, row: Row, file: string, problems: Problems): void {
  const earlier = rows.get(row.name);
  if (earlier === undefined) rows.set(row.name, row);
  else if (earlier.usage !== row.usage || earlier.votes.join() !== row.votes.join())
    problems.add(`${file}:${row.line}: picture "${row.name}" stands already on line ${earlier.line}, with other votes`);
}

/** The row, or what is wrong with it. */
function parseRow(text: string, line: number): Row | string {
  const [usage = '', name = '', ...rest] = text.trim().split(',');
  if (rest.length !== VOTE_COLUMNS) return `expected ${VOTE_COLUMNS + 2} columns, found ${rest.length + 2}`;
  const known = USAGES.find((one) => one === usage);
  if (known === undefined) return `usage "${usage}", expected ${USAGES.join(', ')}`;
  const wrong = rest.find((vote) => !/^\d+$/.test(vote));
  if (wrong !== undefined) return `vote "${wrong}", expected a whole number`;
  return { line, usage: known, name, votes: rest.map(Number) };
}

/** The row's sample, or nothing when the votes leave it out. */
function toSamples({ usage, name, votes }: Row, rule: VoteRule, root: string): Sample[] {
  const kept = votes.map((vote) => (vote > 1 ? vote : 0));
  const total = sum(kept);
  const most = Math.max(...kept);
  const label = kept.indexOf(most);
  if (total === 0 || label >= FERPLUS_CLASSES.length) return [];
  if (rule === 'majority' && most * 2 <= total) return [];
  const expressions = kept.slice(0, FERPLUS_CLASSES.length);
  const share = sum(expressions);
  const path = join(root, FERPLUS_FOLDERS[usage], name);
  return [{ file: name, path, label, votes: expressions.map((vote) => vote / share), voteCounts: votes }];
}

function reportMissing(samples: readonly Sample[], problems: Problems): void {
  const directories = createDirectoryIndex();
  for (const { path } of samples) if (!directories.has(path)) problems.add(`no picture ${path}`);
}

const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);
