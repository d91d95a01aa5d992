/** k folds by people: each picture is tested on once, by a model that never saw its person. */
import { counted } from '../counted.js';
import { UaferError } from '../errors.js';
import { readLines } from '../files.js';
import { collectProblems } from '../problems.js';
import { inHashOrder } from './people.js';
import { SUBJECTS_FILE } from './subjects.js';
import type { Dataset, Sample } from './types.js';

/** Which pictures are trained on and which are tested on. */
export interface FoldChoice {
  /** How many folds; left out where a list says who is in which. */
  folds?: number | undefined;
  /** The one that is tested on, from 1. */
  fold?: number | undefined;
  /** A file with a line `person fold` for everyone; left out, people are dealt so that the folds are alike. */
  foldList?: string | undefined;
}

/** Who is tested on in each fold. */
export interface Folds {
  people: string[][];
  /** How they came about, in words. */
  source: string;
}

/**
 * The data set with one fold's people as its test part and everyone else's pictures, of both parts, as its training part.
 *
 * @throws UaferError `USAGE` when it isn't said which fold, or there is none of this number, `DATA` as `foldsOf` does
 */
export function takeFold(dataset: Dataset, choice: FoldChoice): Dataset {
  const { fold, folds, foldList } = choice;
  if (fold === undefined && folds === undefined && foldList === undefined) return dataset;
  if (fold === undefined)
    throw new UaferError(
      'USAGE',
      '--fold is needed beside --folds: which is tested on, from 1. `uafer crossval` trains all of them.',
    );
  const { people, source } = foldsOf(dataset, choice);
  const tested = people[fold - 1];
  if (!tested) throw new UaferError('USAGE', `--fold ${fold}: there are ${people.length} folds, counted from 1.`);
  const chosen = new Set(tested);
  const isTested = ({ subject }: Sample) => chosen.has(subject as string);
  const all = pooled(dataset);
  const of = people.flat().length;
  const note = `Fold ${fold} of ${people.length} (${source}): ${counted(tested.length, 'person', 'people')} of ${of} are the test part, and nobody stands in both.`;
  return { ...dataset, train: all.filter((one) => !isTested(one)), test: all.filter(isTested), notes: [note] };
}

/**
 * The folds of a data set, over the pictures of its training and test parts together.
 *
 * @throws UaferError `USAGE` when neither a number nor a list is given, or both; `DATA` when it isn't known who is seen in a picture, there are
 *   more folds than people, the list lacks someone, names someone who is not there or puts a person into two folds, or a fold leaves a class
 *   without training pictures
 */
export function foldsOf(dataset: Dataset, { folds, foldList }: FoldChoice): Folds {
  if ((folds === undefined) === (foldList === undefined)) {
    throw new UaferError('USAGE', 'Folds come from --folds or from --fold-list: give one of the two.');
  }
  const all = pooled(dataset);
  requirePeople(all, dataset.root);
  const found =
    foldList === undefined
      ? {
          people: dealt(all, dataset.classes.length, folds as number, dataset.root),
          source: 'dealt so that the folds are alike',
        }
      : { people: listed(all, foldList), source: foldList };
  requireClasses(all, dataset, found.people);
  return found;
}

/** Training and test pictures, class after class, each in the order of its lists. */
function pooled({ train, test, classes }: Dataset): Sample[] {
  const all = [...train, ...test];
  return classes.flatMap((_, label) => all.filter((sample) => sample.label === label));
}

function requirePeople(samples: readonly Sample[], root: string): void {
  const unknown = samples.filter(({ subject }) => subject === undefined);
  if (unknown.length === 0) return;
  const problems = collectProblems();
  if (unknown.length < samples.length) for (const { path } of unknown) problems.add(`${path}: who is seen?`);
  else
    problems.add(
      `nothing says who is seen in its pictures. Folds are by people, so that nobody is trained on and tested on: say it in ${SUBJECTS_FILE} ` +
        '(beside lists "index person" a line, in folders "path person") or, for folders, by --subject-pattern',
    );
  problems.check(`${root} cannot be cut into folds`);
}

/**
 * People into folds whose numbers of pictures, class by class, are as alike as can be had without trying all ways: those with most pictures
 * first, each to the fold where the squares of all shares of classes then have the smallest sum. Depends on names and labels alone.
 */
function dealt(samples: readonly Sample[], classes: number, folds: number, root: string): string[][] {
  const totals = countClasses(samples, classes);
  const people = inHashOrder(samples.map(({ subject }) => subject as string)).map((name) => ({
    name,
    counts: countClasses(
      samples.filter(({ subject }) => subject === name),
      classes,
    ),
  }));
  if (people.length < folds) {
    throw new UaferError(
      'DATA',
      `${root} shows ${counted(people.length, 'person', 'people')}, too few for ${folds} folds: take --folds ${Math.max(2, people.length)} or fewer.`,
    );
  }
  const made = Array.from({ length: folds }, () => ({ names: [] as string[], shares: totals.map(() => 0) }));
  const share = (count: number, label: number) => count / Math.max(1, totals[label] as number);
  for (const { name, counts } of people.sort((a, b) => sum(b.counts) - sum(a.counts))) {
    // What the sum of squares grows by: a fold that has little of the person's classes is the best.
    const growth = ({ shares }: { shares: number[] }) =>
      sum(counts.map((count, label) => share(count, label) * (2 * (shares[label] as number) + share(count, label))));
    const empty = made.filter(({ names }) => names.length === 0);
    const best = (empty.length > 0 ? empty : made).reduce((least, each) => (growth(each) < growth(least) ? each : least));
    best.names.push(name);
    for (const [label, count] of counts.entries()) best.shares[label] = (best.shares[label] as number) + share(count, label);
  }
  return made.map(({ names }) => names);
}

/** `person fold` a line: names may hold spaces. */
function listed(samples: readonly Sample[], file: string): string[][] {
  const problems = collectProblems();
  const known = new Set(samples.map(({ subject }) => subject as string));
  const placed = new Map<string, { fold: number; line: number }>();
  for (const [i, text] of readLines(file, '--fold-list takes a file with a line "person fold" for everyone').entries()) {
    const line = i + 1;
    const where = `${file}:${line}`;
    const match = /^\s*(\S.*?)\s+([1-9]\d{0,3})\s*$/.exec(text);
    if (!match) {
      problems.add(`${where}: expected "person fold" with folds counted from 1, found "${text.trim()}"`);
      continue;
    }
    const [person, fold] = [match[1] as string, Number(match[2])];
    const earlier = placed.get(person);
    if (!known.has(person)) problems.add(`${where}: the data set shows nobody called "${person}"`);
    if (earlier && earlier.fold !== fold)
      problems.add(
        `${where}: "${person}" is in fold ${fold}, but in fold ${earlier.fold} on line ${earlier.line}: folds must not share a person`,
      );
    else placed.set(person, { fold, line });
  }
  for (const person of known) if (!placed.has(person)) problems.add(`"${person}" is in no fold`);
  const count = Math.max(0, ...[...placed.values()].map(({ fold }) => fold));
  const people = Array.from({ length: count }, (_, i) =>
    [...placed].filter(([, { fold }]) => fold === i + 1).map(([name]) => name),
  );
  for (const [i, names] of people.entries()) if (names.length === 0) problems.add(`nobody is in fold ${i + 1} of ${count}`);
  if (count === 1) problems.add('everyone is in one fold: at least two are needed');
  problems.check(`The folds of ${file} cannot be used`);
  return people;
}

function requireClasses(samples: readonly Sample[], { classes, root }: Dataset, people: readonly string[][]): void {
  const problems = collectProblems();
  for (const [i, names] of people.entries()) {
    const tested = new Set(names);
    const left = countClasses(
      samples.filter(({ subject }) => !tested.has(subject as string)),
      classes.length,
    );
    for (const [label, count] of left.entries())
      if (count === 0 && samples.some((sample) => sample.label === label))
        problems.add(`fold ${i + 1} has every picture of ${classes[label]}, so nothing is left to train this class on`);
  }
  problems.check(`${root} cannot be cut into these folds`);
}

function countClasses(samples: readonly Sample[], classes: number): number[] {
  const counts = new Array<number>(classes).fill(0);
  for (const { label } of samples) counts[label] = (counts[label] as number) + 1;
  return counts;
}

const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);
