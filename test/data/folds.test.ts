import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { loadDataset } from '#uafer/data/datasets.js';
import { foldsOf, takeFold } from '#uafer/data/folds.js';
import type { Dataset, Sample } from '#uafer/data/types.js';
import { temporaryFolder, writeFiles } from '../support/pictures.js';

const CLASSES = ['happy', 'sad'];

/** Pictures by person and class: `[['ann', 0], ['ann', 1]]`; every third one is of the test part. */
function dataset(pictures: readonly (readonly [person: string | undefined, label: number])[]): Dataset {
  const samples = pictures.map(([subject, label], i): Sample => {
    const file = `${i}.png`;
    return { file, path: file, label, ...(subject === undefined ? {} : { subject }) };
  });
  const train = samples.filter((_, i) => i % 3 !== 0);
  return { name: 'folder', root: 'faces', classes: CLASSES, train, test: samples.filter((_, i) => i % 3 === 0) };
}

const people = ['ann', 'bob', 'cleo', 'dan', 'eve'];
const everyone = dataset(people.flatMap((person) => CLASSES.map((_, label) => [person, label] as const)));
const seen = (samples: readonly Sample[]) => new Set(samples.map(({ subject }) => subject));

describe('folds by people', () => {
  it('test each picture once, nobody on both sides, whatever the pictures are', () => {
    const picture = fc.tuple(fc.constantFrom(...people), fc.constantFrom(0, 1));
    fc.assert(
      fc.property(fc.array(picture), fc.integer({ min: 2, max: 5 }), (more, folds) => {
        const whole = dataset([...people.flatMap((person) => [[person, 0] as const, [person, 1] as const]), ...more]);
        const files = (samples: readonly Sample[]) => samples.map(({ file }) => file);
        const tested: string[] = [];
        for (let fold = 1; fold <= folds; fold++) {
          const { train, test } = takeFold(whole, { folds, fold });
          expect(test.length).toBeGreaterThan(0);
          expect([...seen(test)].filter((person) => seen(train).has(person))).toEqual([]);
          expect([...files(train), ...files(test)].sort()).toEqual(files([...whole.train, ...whole.test]).sort());
          tested.push(...files(test));
        }
        expect(tested.sort()).toEqual(files([...whole.train, ...whole.test]).sort());
      }),
    );
  });

  it('are as large as each other where people have the same pictures, and the same again', () => {
    const sizes = [1, 2].map((fold) => takeFold(dataset(everyoneOf(10)), { folds: 2, fold }).test.length);
    expect(sizes).toEqual([10, 10]);
    expect(foldsOf(everyone, { folds: 3 })).toEqual(foldsOf(everyone, { folds: 3 }));
  });

  it('share the classes out, not only the pictures', () => {
    // Half of the people show one class only, the others the other: both stand in each of the folds.
    const whole = dataset(Array.from({ length: 40 }, (_, i) => [`p${i % 8}`, i % 2] as const));
    for (const fold of [1, 2]) {
      const labels = takeFold(whole, { folds: 2, fold }).test.map(({ label }) => label);
      expect(labels.filter((label) => label === 0)).toHaveLength(10);
      expect(labels.filter((label) => label === 1)).toHaveLength(10);
    }
  });

  it('come from a list, names with spaces included', () => {
    using folder = temporaryFolder();
    const foldList = `${folder.path}/folds.txt`;
    writeFiles(folder.path, { 'folds.txt': 'Ann Lee 1\nbob  2\ncleo\t1\n' });
    const whole = dataset(['Ann Lee', 'bob', 'cleo'].flatMap((person) => [[person, 0] as const, [person, 1] as const]));
    expect(foldsOf(whole, { foldList }).people).toEqual([['Ann Lee', 'cleo'], ['bob']]);
    expect(seen(takeFold(whole, { foldList, fold: 2 }).test)).toEqual(new Set(['bob']));
  });

  it.each([
    [
      'a person in two folds',
      'ann 1\nbob 2\ncleo 1\ndan 2\neve 2\nann 2\n',
      /:6: "ann" is in fold 2, but in fold 1 on line 1: folds must not share a person/,
    ],
    ['someone who is in none', 'ann 1\nbob 2\ncleo 1\ndan 2\n', /"eve" is in no fold/],
    ['someone who is not there', 'ann 1\nbob 2\ncleo 1\ndan 2\neve 2\nzed 1\n', /:6: the data set shows nobody called "zed"/],
    ['a fold without anyone', 'ann 1\nbob 3\ncleo 1\ndan 3\neve 3\n', /nobody is in fold 2 of 3/],
    ['one fold alone', 'ann 1\nbob 1\ncleo 1\ndan 1\neve 1\n', /everyone is in one fold/],
    ['a line that says no fold', 'ann\nbob 2\ncleo 1\ndan 2\neve 2\n', /:1: expected "person fold".* found "ann"/],
    ['folds counted from 0', 'ann 0\nbob 1\ncleo 1\ndan 1\neve 1\n', /:1: expected "person fold"/],
  ])('a list with %s is an error', (_, text, message) => {
    using folder = temporaryFolder();
    writeFiles(folder.path, { 'folds.txt': text });
    expect(() => foldsOf(everyone, { foldList: `${folder.path}/folds.txt` })).toThrow(message);
  });

  it.each<[string, () => unknown, RegExp]>([
    [
      'more folds than people',
      () => foldsOf(everyone, { folds: 6 }),
      /faces shows 5 people, too few for 6 folds: take --folds 5/,
    ],
    [
      'nobody known',
      () => foldsOf(dataset([[undefined, 0]]), { folds: 2 }),
      /nothing says who is seen.*subjects\.txt.*--subject-pattern/,
    ],
    [
      'a picture of somebody unknown',
      () =>
        foldsOf(
          dataset([
            ['ann', 0],
            [undefined, 1],
          ]),
          { folds: 2 },
        ),
      /1 problem\n.*1\.png: who is seen\?/,
    ],
    [
      'a class that one person alone shows',
      () =>
        foldsOf(
          dataset([
            ['ann', 0],
            ['ann', 1],
            ['bob', 0],
          ]),
          { folds: 2 },
        ),
      /has every picture of sad, so nothing is left to train this class on/,
    ],
    ['a number and a list', () => foldsOf(everyone, { folds: 2, foldList: 'list' }), /give one of the two/],
    ['a fold of none', () => takeFold(everyone, { fold: 1 }), /give one of the two/],
    ['folds without saying which', () => takeFold(everyone, { folds: 2 }), /--fold is needed beside --folds/],
    ['a fold that is not there', () => takeFold(everyone, { folds: 2, fold: 3 }), /--fold 3: there are 2 folds/],
  ])('%s is an error', (_, call, message) => {
    expect(call).toThrow(message);
  });

  it('cut lists by the people of subjects.txt beside them, whose test part alone is asked for too', () => {
    using folder = temporaryFolder();
    const names = people.flatMap((person) => [1, 2, 3, 4].map((label) => ({ name: `${person}${label}.jpg`, person, label })));
    const list = (value: (row: (typeof names)[number]) => string | number) =>
      names.map((row, i) => `${i + 1} ${value(row)}\n`).join('');
    writeFiles(`${folder.path}/basic`, {
      'EmoLabel/images.txt': list(({ name }) => name),
      'EmoLabel/image_class_labels.txt': list(({ label }) => label),
      'EmoLabel/train_test_split.txt': list(({ person }) => (person === 'ann' ? 0 : 1)),
      'EmoLabel/subjects.txt': list(({ person }) => person),
      ...Object.fromEntries(names.map(({ name }) => [`Image/aligned_224/${name}`, ''])),
    });
    const options = { name: 'rafdb', dataPath: folder.path, folds: 5, fold: 2 };
    const { train, test, notes } = loadDataset(options);
    expect(seen(test).size).toBe(1);
    expect(seen(train).size).toBe(4);
    expect(train.map(({ label }) => label)).toEqual(train.map(({ label }) => label).toSorted());
    expect(notes).toEqual([
      expect.stringMatching(/^Fold 2 of 5 .*: 1 person of 5 are the test part, and nobody stands in both/),
    ]);
    expect(loadDataset({ ...options, parts: 'test' })).toMatchObject({ train: [], test });
  });
});

function everyoneOf(count: number): (readonly [string, number])[] {
  return Array.from({ length: count }, (_, i) => [`p${i}`, 0] as const).flatMap(([person]) => [
    [person, 0] as const,
    [person, 1] as const,
  ]);
}
