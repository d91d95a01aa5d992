import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { loadDataset } from '#uafer/data/datasets.js';
import { subset } from '#uafer/data/subset.js';
import { temporaryFolder, writeFiles } from '../support/pictures.js';

/** List files of `[name, label, split]` rows. */
function lists(folder: string, rows: readonly (readonly [string, number, number])[], suffix = ''): Record<string, string> {
  const lines = (value: (row: readonly [string, number, number]) => unknown) =>
    rows.map((row, i) => `${i + 1} ${value(row)}`).join('\n');
  return {
    [`${folder}/images${suffix}.txt`]: lines(([name]) => name),
    [`${folder}/image_class_labels${suffix}.txt`]: lines(([, label]) => label),
    [`${folder}/train_test_split${suffix}.txt`]: lines(([, , split]) => split),
  };
}

const empty = (paths: readonly string[]): Record<string, string> => Object.fromEntries(paths.map((path) => [path, '']));

describe('RAF-DB', () => {
  const rows = [
    ['train_1.jpg', 7, 1],
    ['train_2.jpg', 1, 1],
    ['train_3.jpg', 7, 1],
    ['test_1.jpg', 4, 0],
    ['test_2.jpg', 2, 0],
  ] as const;
  const names = rows.map(([name]) => name);

  it('orders each split by class, then by list, with labels from 0', () => {
    using folder = temporaryFolder();
    writeFiles(folder.path, {
      ...lists('basic/EmoLabel', rows),
      ...empty(names.map((name) => `basic/Image/aligned_224/${name}`)),
    });
    const dataset = loadDataset({ name: 'rafdb', dataPath: folder.path });
    expect(dataset.classes).toEqual(['surprise', 'fear', 'disgusted', 'happy', 'sad', 'anger', 'neutral']);
    expect(dataset.train.map(({ file, label }) => [file, label])).toEqual([
      ['train_2.jpg', 0],
      ['train_1.jpg', 6],
      ['train_3.jpg', 6],
    ]);
    expect(dataset.test.map(({ file, label }) => [file, label])).toEqual([
      ['test_2.jpg', 1],
      ['test_1.jpg', 3],
    ]);
  });

  it.each([
    [
      'aligned_224 before aligned',
      (name: string) => [`Image/aligned/${name}`, `Image/aligned_224/${name}`],
      'Image/aligned_224/train_2.jpg',
    ],
    [
      'aligned where aligned_224 lacks them',
      (name: string) => [`Image/aligned/${name}`, 'Image/aligned_224/other.jpg'],
      'Image/aligned/train_2.jpg',
    ],
    [
      "the database's own names",
      (name: string) => [`Image/aligned/${name.replace('.', '_aligned.')}`],
      'Image/aligned/train_2_aligned.jpg',
    ],
    ['Image itself', (name: string) => [`Image/${name}`], 'Image/train_2.jpg'],
  ])('finds bare names: %s; given the basic folder itself', (_, places, expected) => {
    using folder = temporaryFolder();
    writeFiles(folder.path, { ...lists('EmoLabel', rows), ...empty(names.flatMap(places)) });
    expect(loadDataset({ name: 'rafdb', dataPath: folder.path }).train[0]?.path).toBe(join(folder.path, expected));
  });

  it('takes names with a folder relative to Image', () => {
    using folder = temporaryFolder();
    const inFolder = rows.map(([name, label, split]) => [`mine/${name}`, label, split] as const);
    writeFiles(folder.path, { ...lists('EmoLabel', inFolder), ...empty(names.map((name) => `Image/mine/${name}`)) });
    expect(loadDataset({ name: 'rafdb', dataPath: folder.path }).test[0]?.path).toBe(
      join(folder.path, 'Image/mine/test_2.jpg'),
    );
  });

  it('does not fill gaps of one folder from another: the missing pictures are counted and named', () => {
    using folder = temporaryFolder();
    writeFiles(folder.path, {
      ...lists('EmoLabel', rows),
      ...empty(['Image/aligned_224/train_1.jpg', ...names.map((name) => `Image/aligned/${name}`)]),
    });
    expect(() => loadDataset({ name: 'rafdb', dataPath: folder.path })).toThrow(
      /missing: 4 problems[\s\S]*images\.txt:2: no picture .*aligned_224.train_2\.jpg/,
    );
  });

  it('says which path does not exist', () => {
    expect(() => loadDataset({ name: 'rafdb', dataPath: '/nowhere/raf' })).toThrow(/--data-path: .*nowhere.raf does not exist/);
  });

  it('refuses a data set without test pictures', () => {
    using folder = temporaryFolder();
    writeFiles(folder.path, { ...lists('EmoLabel', [['a.jpg', 1, 1]]), 'Image/aligned/a.jpg': '' });
    expect(() => loadDataset({ name: 'rafdb', dataPath: folder.path })).toThrow(/has no test pictures/);
  });
});

describe('AffectNet', () => {
  it('takes names relative to the root, to Manually_Annotated_Images, or absolute; trains in list order, tests by class', () => {
    using folder = temporaryFolder();
    const absolute = join(folder.path, 'elsewhere', 'c.jpg');
    const rows = [
      ['Manually_Annotated_Images/1/a.jpg', 6, 1],
      ['2/b.jpg', 0, 1],
      [absolute, 5, 0],
      ['2/d.jpg', 0, 0],
    ] as const;
    const pictures = [
      'Manually_Annotated_Images/1/a.jpg',
      'Manually_Annotated_Images/2/b.jpg',
      'elsewhere/c.jpg',
      'Manually_Annotated_Images/2/d.jpg',
    ];
    writeFiles(folder.path, { ...lists('affectnet_info', rows), ...empty(pictures) });
    const { classes, train, test } = loadDataset({ name: 'affectnet', dataPath: folder.path });
    expect(classes).toEqual(['neutral', 'happy', 'sad', 'surprise', 'fear', 'disgusted', 'anger']);
    expect(train.map(({ path, label }) => [path, label])).toEqual([
      [join(folder.path, pictures[0] as string), 6],
      [join(folder.path, pictures[1] as string), 0],
    ]);
    expect(test.map(({ path, label }) => [path, label])).toEqual([
      [join(folder.path, pictures[3] as string), 0],
      [absolute, 5],
    ]);
  });

  it('reads the _8cls lists for 8 classes, and allows label 7 only there', () => {
    using folder = temporaryFolder();
    const rows = [
      ['1/a.jpg', 7, 1],
      ['1/b.jpg', 0, 0],
    ] as const;
    const pictures = empty(['Manually_Annotated_Images/1/a.jpg', 'Manually_Annotated_Images/1/b.jpg']);
    writeFiles(folder.path, { ...lists('affectnet_info', rows, '_8cls'), ...lists('affectnet_info', rows), ...pictures });
    const { classes, train } = loadDataset({ name: 'affectnet_8', dataPath: folder.path });
    expect(classes[train[0]?.label ?? -1]).toBe('contempt');
    expect(() => loadDataset({ name: 'affectnet', dataPath: folder.path })).toThrow(
      /image_class_labels\.txt:1: "7", expected a label from 0 to 6/,
    );
  });
});

describe('FER+', () => {
  const header = 'Usage,Image name,neutral,happiness,surprise,sadness,anger,disgust,fear,contempt,unknown,NF';
  const csv = [
    header,
    'Training,majority.png,1,6,3,0,0,0,0,0,0,0',
    'Training,split.png,4,4,0,2,0,0,0,0,0,0',
    'Training,unknown.png,2,0,0,0,0,0,0,0,7,1',
    'Training,half.png,5,0,0,0,0,0,0,0,5,0',
    'Training,,0,0,0,0,0,0,0,0,0,10',
    'Training,noise.png,1,1,1,1,1,1,1,1,1,1',
    'PublicTest,valid.png,0,0,0,0,0,0,1,9,0,0',
    'PublicTest,torn.png,5,5,0,0,0,0,0,0,0,0',
    'PrivateTest,private.png,0,0,0,0,10,0,0,0,0,0',
  ];
  const pictures = empty([
    ...['majority', 'split', 'unknown', 'half', 'noise'].map((name) => `FER2013Train/${name}.png`),
    ...['valid', 'torn'].map((name) => `FER2013Valid/${name}.png`),
    'FER2013Test/private.png',
  ]);

  function load(lines: readonly string[], options: object = {}) {
    using folder = temporaryFolder();
    writeFiles(folder.path, { 'fer2013new.csv': lines.join('\r\n'), ...pictures });
    return loadDataset({ name: 'ferplus', dataPath: folder.path, ...options });
  }

  it('drops single votes and trains on majorities of more than half', () => {
    const { train } = load(csv);
    expect(train.map(({ file, label }) => [file, label])).toEqual([['majority.png', 1]]);
    expect(train[0]?.votes?.slice(0, 4)).toEqual([0, 6 / 9, 3 / 9, 0]);
  });

  it('keeps every usable picture as a distribution over the 8 expressions', () => {
    const { train, classes } = load(csv, { votes: 'distribution' });
    expect(train.map(({ file }) => file)).toEqual(['majority.png', 'split.png', 'half.png']);
    expect(train.map(({ votes }) => votes?.slice(0, 4))).toEqual([
      [0, 6 / 9, 3 / 9, 0],
      [0.4, 0.4, 0, 0.2],
      [1, 0, 0, 0],
    ]);
    expect(classes).toEqual(['neutral', 'happy', 'surprise', 'sad', 'anger', 'disgusted', 'fear', 'contempt']);
  });

  it('tests on pictures with a majority only: the public set, or the private one when asked', () => {
    expect(load(csv, { votes: 'distribution' }).test.map(({ file, label }) => [file, label])).toEqual([['valid.png', 7]]);
    expect(load(csv, { ferplusTest: 'test' }).test.map(({ file, label }) => [file, label])).toEqual([['private.png', 4]]);
  });

  it('keeps the raw votes, single ones and those for "unknown" and "no face" too', () => {
    const { test, train } = load(csv, { votes: 'distribution' });
    expect(test[0]?.voteCounts).toEqual([0, 0, 0, 0, 0, 0, 1, 9, 0, 0]);
    expect(train[2]?.voteCounts).toEqual([5, 0, 0, 0, 0, 0, 0, 0, 5, 0]);
  });

  it('reads a picture once that stands twice with the same votes', () => {
    expect(load([...csv, csv[1] as string]).train).toHaveLength(1);
  });

  it.each([
    ['another header', ['a,b', ...csv.slice(1)], /fer2013new\.csv:1: expected the header/],
    ['too few columns', [...csv, 'Training,x.png,1,2'], /fer2013new\.csv:11: expected 12 columns, found 4/],
    ['an unknown usage', [...csv, 'Nothing,x.png,0,0,0,0,0,0,0,0,0,10'], /fer2013new\.csv:11: usage "Nothing"/],
    ['a vote that is no number', [...csv, 'Training,x.png,0,0,many,0,0,0,0,0,0,10'], /fer2013new\.csv:11: vote "many"/],
    [
      'other votes for the same picture',
      [...csv, 'Training,split.png,9,0,0,0,0,0,0,0,0,0'],
      /:11: picture "split\.png" stands already on line 3/,
    ],
    [
      'a missing picture',
      [...csv, 'Training,lost.png,9,0,0,0,0,0,0,0,0,0'],
      /missing: 1 problem\s+no picture .*FER2013Train.lost\.png/,
    ],
    ['no validation pictures', csv.slice(0, 7), /no usable line for PublicTest/],
  ])('reports %s', (_, lines, message) => {
    expect(() => load(lines)).toThrow(expect.objectContaining({ code: 'DATA', message: expect.stringMatching(message) }));
  });
});

describe('a folder of class folders', () => {
  const names = (folder: string, count: number) => Array.from({ length: count }, (_, i) => `${folder}/${i}.png`);

  it('takes train and test folders as they are, classes in alphabetical order', () => {
    using folder = temporaryFolder();
    writeFiles(
      folder.path,
      empty([...names('train/sad', 2), ...names('train/happy', 1), ...names('test/sad', 1), ...names('test/happy', 1)]),
    );
    const { classes, train, test } = loadDataset({ name: 'folder', dataPath: folder.path });
    expect(classes).toEqual(['happy', 'sad']);
    expect(train.map(({ file, label }) => [file, label])).toEqual([
      ['train/happy/0.png', 0],
      ['train/sad/0.png', 1],
      ['train/sad/1.png', 1],
    ]);
    expect(test).toHaveLength(2);
  });

  it('splits a fifth of each class off by the names alone', () => {
    const load = () => {
      using folder = temporaryFolder();
      writeFiles(folder.path, empty([...names('sad', 30), ...names('happy', 2), 'sad/.hidden']));
      return loadDataset({ name: 'folder', dataPath: folder.path });
    };
    const { train, test } = load();
    expect(test.filter(({ label }) => label === 1)).toHaveLength(6);
    expect(test.filter(({ label }) => label === 0)).toHaveLength(1);
    expect(train.length + test.length).toBe(32);
    expect(load().test.map(({ file }) => file)).toEqual(test.map(({ file }) => file));
  });

  it('says how it was split, and that people may stand on both sides', () => {
    using folder = temporaryFolder();
    writeFiles(folder.path, empty([...names('sad', 5), ...names('happy', 5)]));
    const { notes = [] } = loadDataset({ name: 'folder', dataPath: folder.path });
    expect(notes).toEqual([
      expect.stringMatching(/SHA-256 is the test part.*same people may stand in both.*--subject-pattern/),
    ]);
  });

  const people = ['ann', 'bob', 'cleo', 'dan', 'eve', 'fred', 'gil', 'hugo', 'ivy', 'jon'];
  const ofPeople = (of: readonly string[] = people) =>
    ['happy', 'sad'].flatMap((name) => of.flatMap((person) => [1, 2].map((i) => `${name}/${person}_${i}.png`)));

  it.each([
    [
      'subjects.txt',
      {
        'subjects.txt': ofPeople()
          .map((file) => `${file} ${/[a-z]+(?=_)/.exec(file)?.[0]}\n`)
          .join(''),
      },
      undefined,
    ],
    ['a pattern', {}, '^([a-z]+)_'],
  ])('splits by people whom %s names: nobody stands on both sides', (_, list, subjectPattern) => {
    using folder = temporaryFolder();
    writeFiles(folder.path, { ...empty(ofPeople()), ...list });
    const load = (parts: 'all' | 'test') => loadDataset({ name: 'folder', dataPath: folder.path, subjectPattern, parts });
    const { train, test, notes } = load('all');
    const seen = (samples: typeof train) => new Set(samples.map(({ subject }) => subject));
    expect(seen(test).size).toBe(2);
    expect([...seen(test)].filter((person) => seen(train).has(person))).toEqual([]);
    expect(train.length + test.length).toBe(40);
    expect(notes).toEqual([expect.stringMatching(/2 people of 10 \(by .*are the test part, and nobody stands in both/)]);
    expect(load('test').test).toEqual(test);
  });

  it('keeps in training whoever alone shows a class', () => {
    using folder = temporaryFolder();
    // Each alone shows fear in turn: never is that person in the test part.
    for (const only of people) {
      using own = temporaryFolder();
      writeFiles(own.path, empty([...ofPeople(), `fear/${only}_1.png`]));
      const { train } = loadDataset({ name: 'folder', dataPath: own.path, subjectPattern: '^([a-z]+)_' });
      expect(new Set(train.map(({ label }) => label)).size).toBe(3);
    }
    writeFiles(folder.path, empty(['happy/ann_1.png', 'sad/bob_1.png']));
    expect(() => loadDataset({ name: 'folder', dataPath: folder.path, subjectPattern: '^([a-z]+)_' })).toThrow(
      /shows 2 people, and none can be kept for the test/,
    );
  });

  it('takes names with spaces in subjects.txt, and names each picture that it lacks', () => {
    using folder = temporaryFolder();
    const files = ['happy/a 1.png', 'happy/b.png', 'happy/c.png', 'sad/a 2.png', 'sad/b.png', 'sad/c.png'];
    const list = ['happy/a 1.png Ann Lee', 'sad/a 2.png Ann Lee', 'happy/b.png Bob', 'sad/b.png Bob', 'happy/c.png\tC'];
    writeFiles(folder.path, { ...empty(files), 'subjects.txt': list.join('\r\n') });
    expect(() => loadDataset({ name: 'folder', dataPath: folder.path })).toThrow(
      /1 problem\n.*sad.c\.png: subjects\.txt does not say who is seen/,
    );
    writeFiles(folder.path, { 'subjects.txt': [...list, 'sad/c.png C'].join('\n') });
    const { train, test } = loadDataset({ name: 'folder', dataPath: folder.path });
    expect(new Set([...train, ...test].map(({ subject }) => subject))).toEqual(new Set(['Ann Lee', 'Bob', 'C']));
    expect(test).toHaveLength(2);
  });

  it('tells of people on both sides of folders train and test, which stay as they are', () => {
    using folder = temporaryFolder();
    const files = ['train/happy/ann_1.png', 'train/sad/bob_1.png', 'test/happy/ann_2.png', 'test/sad/cleo_1.png'];
    writeFiles(folder.path, empty(files));
    const { train, test, notes } = loadDataset({ name: 'folder', dataPath: folder.path, subjectPattern: '^([a-z]+)_' });
    expect([train.length, test.length]).toEqual([2, 2]);
    expect(notes).toEqual([expect.stringContaining('1 person stands in train and test')]);
  });

  it.each([
    [
      'different classes in train and test',
      [...names('train/sad', 1), ...names('train/happy', 1), ...names('test/sad', 1), ...names('test/fear', 1)],
      /train has the classes happy, sad, but test has fear, sad/,
    ],
    ['one class alone', names('sad', 2), /holds 1 folder: expected one folder of pictures for each class/],
    ['a file that is no picture', [...names('sad', 2), ...names('happy', 2), 'sad/notes.txt'], /notes\.txt is no picture/],
    ['a class without pictures', [...names('sad', 2), ...names('happy', 2), 'fear/.keep'], /fear holds no picture/],
  ])('refuses %s', (_, paths, message) => {
    using folder = temporaryFolder();
    writeFiles(folder.path, empty(paths));
    expect(() => loadDataset({ name: 'folder', dataPath: folder.path })).toThrow(
      expect.objectContaining({ code: 'DATA', message: expect.stringMatching(message) }),
    );
  });
});

describe('subset', () => {
  const test = ['test_0001.jpg', 'test_0002.jpg', 'test_0003.jpg'].map((file) => ({ file, path: file, label: 0 }));
  const dataset = { name: 'rafdb', root: '', classes: ['happy'], train: [], test } as const;
  const choose = (text: string, from: typeof dataset = dataset) => {
    using folder = temporaryFolder();
    writeFiles(folder.path, { 'names.txt': text });
    return subset(from, join(folder.path, 'names.txt')).test.map(({ file }) => file);
  };

  it('takes plain names, and the lists of Region Attention Networks, in the order of the data set', () => {
    expect(choose('test_0003.jpg\n\ntest_0001.jpg\n')).toEqual(['test_0001.jpg', 'test_0003.jpg']);
    expect(choose('6/test_0002_aligned.jpg\n')).toEqual(['test_0002.jpg']);
    expect(choose('test_0001_aligned 0 4\r\ntest_0003_aligned 3 3')).toEqual(['test_0001.jpg', 'test_0003.jpg']);
  });

  it('names the lines of unknown names', () => {
    expect(() => choose('test_0001.jpg\ntest_9999.jpg\n')).toThrow(
      /names\.txt:2: the test set has no picture "test_9999\.jpg"/,
    );
  });

  it('refuses a name that may be two pictures, and a file without names', () => {
    const twins = ['a/1.jpg', 'b/1.jpg'].map((file) => ({ file, path: file, label: 0 }));
    expect(() => choose('1.jpg', { ...dataset, test: twins })).toThrow(/may be a\/1\.jpg or b\/1\.jpg/);
    expect(choose('b/1.jpg', { ...dataset, test: twins })).toEqual(['b/1.jpg']);
    expect(() => choose('\n')).toThrow(/names no picture/);
  });
});

describe('the test pictures alone', () => {
  const rows = [
    ['a.jpg', 1, 1],
    ['b.jpg', 2, 1],
    ['c.jpg', 1, 0],
    ['d.jpg', 2, 0],
  ] as const;
  const votes = (usage: string, name: string) => `${usage},${name},0,10,0,0,0,0,0,0,0,0`;
  const header = 'Usage,Image name,neutral,happiness,surprise,sadness,anger,disgust,fear,contempt,unknown,NF';

  it.each([
    ['rafdb', { ...lists('basic/EmoLabel', rows), ...empty(['basic/Image/aligned/c.jpg', 'basic/Image/aligned/d.jpg']) }],
    [
      'affectnet',
      { ...lists('affectnet_info', rows), ...empty(['Manually_Annotated_Images/c.jpg', 'Manually_Annotated_Images/d.jpg']) },
    ],
    [
      'ferplus',
      {
        'fer2013new.csv': [header, votes('Training', 'a.png'), votes('PublicTest', 'c.png'), votes('PublicTest', 'd.png')].join(
          '\n',
        ),
        ...empty(['FER2013Valid/c.png', 'FER2013Valid/d.png']),
      },
    ],
    ['folder', empty(['test/happy/c.png', 'test/sad/d.png'])],
  ])('of %s are loaded where the training pictures are not there', (name, files) => {
    using folder = temporaryFolder();
    writeFiles(folder.path, files);
    const dataset = loadDataset({ name, dataPath: folder.path, parts: 'test' });
    expect(dataset.test).toHaveLength(2);
    expect(dataset.train).toEqual([]);
    expect(() => loadDataset({ name, dataPath: folder.path })).toThrow(/(no|Training|train)/);
  });

  it('of a folder have the classes of the training pictures, where those are there', () => {
    using folder = temporaryFolder();
    writeFiles(
      folder.path,
      empty(['train/happy/a.png', 'train/sad/b.png', 'train/fear/b.png', 'test/happy/c.png', 'test/sad/d.png']),
    );
    expect(() => loadDataset({ name: 'folder', dataPath: folder.path, parts: 'test' })).toThrow(
      /train has the classes fear, happy, sad/,
    );
  });
});
