/** `votes.csv` beside a data set's lists: how many people saw which expression in a picture. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { CsvError, type Info, parse } from 'csv-parse/sync';
import { UaferError } from '../errors.js';
import { readLines } from '../files.js';
import { voteShares } from '../metrics/votes.js';
import { collectProblems } from '../problems.js';
import { shown } from '../shown.js';
import { unanimous } from './merge.js';
import type { Dataset, Parts, Sample } from './types.js';

export const VOTES_FILE = 'votes.csv';

/** A picture's column; the others are classes and answers that are no class. */
const PICTURE = 'file';

/**
 * The data set with its pictures' votes, where its folder has a `votes.csv`; else as it is. The first line names the columns: `file`, each class
 * once, and any other answers ("unknown"); then a line a picture, by its name in the lists (in a folder its path from there), with whole numbers.
 *
 * The counts become `voteCounts`, and their shares over the classes `votes`: nothing is dropped, and labels stay those of the lists. A training
 * picture without a line, or without a vote for a class, counts as unanimous.
 *
 * @param parts which parts were read: names of other pictures are only an error where all were
 * @throws UaferError `DATA` naming file and lines
 */
export function withVotes(dataset: Dataset, parts: Parts): Dataset {
  const file = join(dataset.root, VOTES_FILE);
  if (!existsSync(file)) return dataset;
  const counts = readVotes(file, dataset, parts);
  const classes = dataset.classes.length;
  const voted = (sample: Sample): Sample => {
    const own = counts.get(sample.file);
    const shares = own && voteShares(own.slice(0, classes));
    return { ...sample, votes: shares ?? unanimous(sample.label, classes), ...(own ? { voteCounts: own } : {}) };
  };
  const known = dataset.train.filter((sample) => counts.has(sample.file)).length;
  const note = parts === 'all' ? [`${VOTES_FILE} has votes for ${known} of ${dataset.train.length} training pictures.`] : [];
  return {
    ...dataset,
    train: dataset.train.map(voted),
    test: dataset.test.map(voted),
    notes: [...(dataset.notes ?? []), ...note],
  };
}

/** Counts by picture: of the classes in the data set's order, then of the other answers. */
function readVotes(file: string, { classes, train, test }: Dataset, parts: Parts): Map<string, readonly number[]> {
  const [first, ...rows] = records(file);
  const header = first?.fields ?? [];
  const places = columnsOf(header, classes, file);
  const pictures = new Set([...train, ...test].map((sample) => sample.file));
  const problems = collectProblems();
  const counts = new Map<string, readonly number[]>();
  const picture = header.indexOf(PICTURE);
  for (const { line, fields: row } of rows) {
    const name = row[picture] ?? '';
    const wrong = places.map((column) => row[column] ?? '').find((count) => !/^\d{1,9}$/.test(count));
    const say = (what: string) => problems.add(`${file}:${line}: ${what}`);
    if (row.length !== header.length) say(`expected ${header.length} columns, found ${row.length}`);
    else if (wrong !== undefined) say(`vote "${wrong}", expected a whole number`);
    else if (counts.has(name)) say(`picture "${name}" stands already on an earlier line`);
    else if (parts === 'all' && !pictures.has(name)) say(`the lists have no picture "${name}"`);
    else
      counts.set(
        name,
        places.map((column) => Number(row[column])),
      );
  }
  problems.check('The votes cannot be used');
  return counts;
}

/** The file's lines that are not blank, with their numbers. */
function records(file: string): { line: number; fields: string[] }[] {
  const options = { info: true, relax_column_count: true, skip_empty_lines: true, trim: true } as const;
  try {
    const found: unknown = parse(readLines(file).join('\n'), options);
    return (found as { record: string[]; info: Info }[]).map(({ record, info }) => ({ line: info.lines, fields: record }));
  } catch (cause) {
    if (!(cause instanceof CsvError)) throw cause;
    throw new UaferError('DATA', `${shown(file)} is not CSV: ${cause.message}`, { cause });
  }
}

/** Columns of the classes in their order, then of the other answers in theirs. */
function columnsOf(header: readonly string[], classes: readonly string[], file: string): number[] {
  const expected = `expected the columns ${[PICTURE, ...classes].join(', ')}`;
  for (const name of [PICTURE, ...classes]) {
    const found = header.filter((column) => column === name).length;
    if (found === 1) continue;
    const problem = found === 0 ? `no column "${name}"` : `the column "${name}" ${found} times`;
    throw new UaferError('DATA', `${shown(file)}:1: ${problem}, ${expected}`);
  }
  const others = header.flatMap((name, i) => (name === PICTURE || classes.includes(name) ? [] : [i]));
  return [...classes.map((name) => header.indexOf(name)), ...others];
}
