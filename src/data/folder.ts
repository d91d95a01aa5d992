import { createHash } from 'node:crypto';
import { existsSync, readdirSync } from 'node:fs';
import { extname, join } from 'node:path';
import { PICTURE_ENDINGS } from '../codec/endings.js';
import { UaferError } from '../errors.js';
import { collectProblems, type Problems } from '../problems.js';
import type { Dataset, Parts, Sample } from './types.js';

const TEST_SHARE = 0.2;

/**
 * Reads pictures sorted into one folder a class, the folders' names being the classes in alphabetical order: either `train/<class>/`
 * and `test/<class>/`, or `<class>/` alone. The latter is split within each class: its pictures are put in the order of the SHA-256
 * of `<class>/<file>`, and the first fifth (at least one) are the test pictures. That depends on names alone, so every run and
 * machine agrees; it doesn't know which pictures show the same person, so figures for new people need `train` and `test` folders.
 *
 * With `parts` `test` the folder `train` may be absent or its folders empty.
 *
 * @throws UaferError `DATA` naming the folder: no classes, different classes in `train` and `test`, a class without a picture, a file
 *   that is no picture.
 */
export function loadFolder(dataPath: string, parts: Parts): Dataset {
  const problems = collectProblems();
  const hasPart = (part: string) => existsSync(join(dataPath, part));
  const presplit = hasPart('train') || (parts === 'test' && hasPart('test'));
  const split = presplit ? readParts(dataPath, parts, problems) : splitByName(readClasses(dataPath, '', problems));
  problems.check(`${dataPath} cannot be used`);
  return { name: 'folder', root: dataPath, ...split };
}

interface ClassFolders {
  classes: string[];
  samples: Sample[];
}

type Split = Pick<Dataset, 'classes' | 'train' | 'test'>;

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

function splitByName({ classes, samples }: ClassFolders): Split {
  const hash = (file: string) => createHash('sha256').update(file).digest('hex');
  const test = new Set(
    classes.flatMap((_, label) => {
      const hashed = samples.filter((sample) => sample.label === label).map(({ file }) => ({ file, key: hash(file) }));
      hashed.sort((a, b) => (a.key < b.key ? -1 : 1));
      return hashed.slice(0, Math.max(1, Math.round(hashed.length * TEST_SHARE))).map(({ file }) => file);
    }),
  );
  return { classes, train: samples.filter(({ file }) => !test.has(file)), test: samples.filter(({ file }) => test.has(file)) };
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
    throw new UaferError('DATA', `${path} holds ${names.length} folders: ${expected}, for 2 classes at least`);
  return names.sort();
}
