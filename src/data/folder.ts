import { existsSync, readdirSync } from 'node:fs';
import { extname, join } from 'node:path';
import { PICTURE_ENDINGS } from '../codec/endings.js';
import { counted } from '../counted.js';
import { UaferError } from '../errors.js';
import { collectProblems, type Problems } from '../problems.js';
import { inHashOrder, testShare } from './people.js';
import { SUBJECTS_FILE, type SubjectSource, subjectSource, withSubjects } from './subjects.js';
import type { Dataset, Parts, Sample } from './types.js';

export interface FolderOptions {
  dataPath: string;
  parts: Parts;
  /** A regular expression on the pictures' file names whose first group is the person; else `subjects.txt` tells, where it is there. */
  subjectPattern?: string | undefined;
}

/**
 * Reads pictures sorted into one folder a class, the folders' names being the classes in alphabetical order: either `train/<class>/`
 * and `test/<class>/`, or `<class>/` alone. The latter is split here, and the data set's `notes` say how:
 *
 * - where it is known who is seen (`subjectSource`), by people: in the order of the SHA-256 of their names a fifth of them (at least one)
 *   are the test part, but nobody without whom a class had no training picture;
 * - else within each class: its pictures are put in the order of the SHA-256 of `<class>/<file>`, and the first fifth (at least one) are
 *   the test part. The same people may then stand on both sides.
 *
 * Both depend on names alone, so every run and machine agrees. With `parts` `test` the folder `train` may be absent or its folders empty.
 *
 * @throws UaferError `DATA` naming the folder: no classes, different classes in `train` and `test`, a class without a picture, a file
 *   that is no picture, a picture of which it isn't known who is seen.
 */
export function loadFolder({ dataPath, parts, subjectPattern }: FolderOptions): Dataset {
  const problems = collectProblems();
  const source = subjectSource(dataPath, subjectPattern);
  const hasPart = (part: string) => existsSync(join(dataPath, part));
  const presplit = hasPart('train') || (parts === 'test' && hasPart('test'));
  const found = presplit ? readParts(dataPath, parts, problems) : readClasses(dataPath, '', problems);
  const split = 'train' in found ? presplitBy(found, source) : splitHere(dataPath, found, source, problems);
  problems.check(`${dataPath} cannot be used`);
  return { name: 'folder', root: dataPath, ...split };
}

/** The pictures of `valid/<class>/`, as a test part; null where there is no such folder. Throws as `loadFolder` does. */
export function loadFolderValidation({ dataPath }: FolderOptions): Dataset | null {
  if (!existsSync(join(dataPath, 'valid'))) return null;
  const problems = collectProblems();
  const { classes, samples } = readClasses(dataPath, 'valid', problems);
  problems.check(`${dataPath} cannot be used`);
  return { name: 'folder', root: dataPath, classes, train: [], test: samples };
}

interface ClassFolders {
  classes: string[];
  samples: Sample[];
}

type Split = Pick<Dataset, 'classes' | 'train' | 'test' | 'notes'>;

/** Where the training pictures aren't wanted, their folders need not be there; those that are must be the same classes. */
function readParts(dataPath: string, parts: Parts, problems: Problems): Split {
  const needed = parts === 'all' || existsSync(join(dataPath, 'train'));
  const train = needed ? readClasses(dataPath, 'train', parts === 'all' ? problems : collectProblems()) : null;
  const test = readClasses(dataPath, 'test', problems);
  if (train === null) return { classes: test.classes, train: [], test: test.samples };
  if (train.classes.join('/') !== test.classes.join('/'))
    problems.add(`train has the classes ${train.classes.join(', ')}, but test has ${test.classes.join(', ')}`);
  return { classes: train.classes, train: parts === 'all' ? train.samples : [], test: test.samples };
}

/** The folder's own split stays; people who stand on both sides of it are told of. */
function presplitBy(split: Split, source: SubjectSource | null): Split {
  if (!source) return split;
  const train = withSubjects(split.train, source);
  const test = withSubjects(split.test, source);
  const trained = new Set(peopleIn(train));
  const both = new Set(peopleIn(test).filter((person) => trained.has(person)));
  if (both.size === 0) return { ...split, train, test };
  const note = `By ${source.name} ${counted(both.size, 'person stands', 'people stand')} in train and test: figures are not those of new people.`;
  return { ...split, train, test, notes: [note] };
}

function splitHere(dataPath: string, found: ClassFolders, source: SubjectSource | null, problems: Problems): Split {
  if (!source) return splitByName(found);
  const samples = withSubjects(found.samples, source);
  for (const { path, subject } of samples)
    if (subject === undefined) problems.add(`${path}: ${source.name} does not say who is seen`);
  // Without all of the people there is no split; what is missing is told by the caller.
  problems.check(`${dataPath} cannot be used`);
  return splitByPeople(dataPath, { ...found, samples }, source.name);
}

function splitByName({ classes, samples }: ClassFolders): Split {
  const ofClass = (label: number) => samples.filter((sample) => sample.label === label).map(({ file }) => file);
  const chosen = classes.flatMap((_, label) => inHashOrder(ofClass(label)).slice(0, testShare(ofClass(label).length)));
  const note =
    'The folder has no train and test in it: of each class the fifth of the pictures whose names come first by SHA-256 is the test part. ' +
    'Who is seen is not known, so the same people may stand in both, and figures for new people may be lower: name them in ' +
    `${SUBJECTS_FILE} ("path person" a line) or by --subject-pattern, or make folders train and test.`;
  return { classes, ...parted(samples, ({ file }) => file, new Set(chosen)), notes: [note] };
}

function splitByPeople(dataPath: string, { classes, samples }: ClassFolders, source: string): Split {
  const people = inHashOrder(peopleIn(samples));
  const wanted = testShare(people.length);
  // Pictures of each class that are left for training.
  const left = classes.map((_, label) => samples.filter((sample) => sample.label === label).length);
  const chosen = new Set<string>();
  for (const person of people) {
    const own = classes.map((_, label) => samples.filter((one) => one.subject === person && one.label === label).length);
    if (chosen.size >= wanted || own.some((count, label) => count > 0 && left[label] === count)) continue;
    chosen.add(person);
    for (const [label, count] of own.entries()) left[label] = (left[label] as number) - count;
  }
  if (chosen.size === 0) {
    throw new UaferError(
      'DATA',
      `${dataPath}: by ${source} it shows ${counted(people.length, 'person', 'people')}, and none can be kept for the test without ` +
        'leaving a class without training pictures. Make folders train and test in it.',
    );
  }
  const note =
    `The folder has no train and test in it: ${counted(chosen.size, 'person', 'people')} of ${people.length} (by ${source}; a fifth, those whose ` +
    'names come first by SHA-256) are the test part, and nobody stands in both.';
  return { classes, ...parted(samples, ({ subject }) => subject as string, chosen), notes: [note] };
}

const peopleIn = (samples: readonly Sample[]): string[] => samples.flatMap(({ subject }) => subject ?? []);

function parted(samples: readonly Sample[], key: (sample: Sample) => string, test: ReadonlySet<string>) {
  return { train: samples.filter((one) => !test.has(key(one))), test: samples.filter((one) => test.has(key(one))) };
}

/** Classes and pictures under `root/part`; `file` is relative to `root`, with slashes on every system. */
function readClasses(root: string, part: string, problems: Problems): ClassFolders {
  const classes = foldersIn(join(root, part));
  const samples = classes.flatMap((name, label) => {
    const files = readdirSync(join(root, part, name)).filter((file) => !file.startsWith('.'));
    if (files.length === 0) problems.add(`${join(root, part, name)} holds no picture`);
    return files.sort().map((file) => {
      const path = join(root, part, name, file);
      if (!PICTURE_ENDINGS.has(extname(file).toLowerCase()))
        problems.add(`${path} is no picture (${[...PICTURE_ENDINGS].join(' ')})`);
      return { file: [part, name, file].filter((step) => step !== '').join('/'), path, label };
    });
  });
  return { classes, samples };
}

function foldersIn(path: string): string[] {
  const expected = 'expected one folder of pictures for each class, or those in train/ and test/';
  if (!existsSync(path)) throw new UaferError('DATA', `${path} does not exist: ${expected}`);
  const entries = readdirSync(path, { withFileTypes: true });
  const names = entries.filter((entry) => entry.isDirectory() && !entry.name.startsWith('.')).map(({ name }) => name);
  if (names.length < 2)
    throw new UaferError('DATA', `${path} holds ${counted(names.length, 'folder')}: ${expected}, for 2 classes at least`);
  return names.sort();
}
