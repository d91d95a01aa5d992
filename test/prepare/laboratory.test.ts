import { readFileSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { loadDataset } from '#uafer/data/datasets.js';
import { planCkplus } from '#uafer/prepare/ckplus.js';
import { planJaffe } from '#uafer/prepare/jaffe.js';
import { planOulu } from '#uafer/prepare/oulu.js';
import { testPeople } from '#uafer/prepare/people.js';
import { contentsOf } from '../support/folders.js';
import { temporaryFolder, writeFiles } from '../support/pictures.js';
import { writeRawCkplus, writeRawJaffe, writeRawOulu } from '../support/rawSets.js';
import { writeZip } from '../support/zip.js';
import { fakeMaker, prepare } from './prepared.js';

const CKPLUS = {
  align: 'similarity',
  landmarks: false,
  layout: 'lists',
  neutralFrames: 1,
  peakFrames: 3,
  contempt: false,
} as const;
const OULU = { align: 'similarity', layout: 'folder', illumination: 'Strong', neutralFrames: 0, peakFrames: 3 } as const;
const JAFFE = { align: 'similarity', layout: 'lists' } as const;

/** Subject of every picture in the lists of a prepared set, by its name. */
function subjectsOf(out: string): Map<string, string> {
  const column = (name: string) =>
    readFileSync(join(out, 'basic/EmoLabel', name), 'utf8')
      .trim()
      .split('\n')
      .map((line, i) => {
        const [index, value] = line.split(' ') as [string, string];
        expect(index).toBe(String(i + 1));
        return value;
      });
  const subjects = column('subjects.txt');
  return new Map(column('images.txt').map((name, i) => [name, subjects[i] as string]));
}

/** Expects that nobody is on both sides of the split, and that both sides have somebody. */
function expectSplitByPerson(out: string): void {
  const subjects = subjectsOf(out);
  const { train, test } = loadDataset({ name: 'rafdb', dataPath: out });
  const people = (samples: typeof train) => new Set(samples.map(({ file }) => subjects.get(file)));
  const [trained, tested] = [people(train), people(test)];
  expect(trained.size * tested.size).toBeGreaterThan(0);
  expect([...tested].filter((person) => trained.has(person))).toEqual([]);
}

describe('CK+', () => {
  it('takes the first frame as neutral and the last three as the label; contempt and unlabelled sequences are left out', async () => {
    using folder = temporaryFolder();
    const raw = join(folder.path, 'raw');
    await writeRawCkplus(raw);
    const before = contentsOf(raw);
    const { leftOut, counts } = await prepare(folder.path, await planCkplus(raw, CKPLUS), fakeMaker());
    expect(leftOut.map(({ where, why }) => `${where.slice(-8)} ${why}`)).toEqual([
      'S005/002 contempt (--contempt keeps it)',
      'S005/008 the sequence has no emotion label',
      'S010/002 contempt (--contempt keeps it)',
      'S010/008 the sequence has no emotion label',
      'S501/002 contempt (--contempt keeps it)',
      'S501/008 the sequence has no emotion label',
    ]);
    const out = join(folder.path, 'out');
    const { train, test, classes } = loadDataset({ name: 'rafdb', dataPath: out });
    const labels = new Map([...train, ...test].map(({ file, label }) => [file, classes[label]]));
    const name = (frame: number) => `aligned_224/S010_001_0000000${frame}.png`;
    expect([1, 2, 3, 4, 5].map((frame) => labels.get(name(frame)))).toEqual(['neutral', undefined, 'anger', 'anger', 'anger']);
    expect(counts.parts.reduce((total, part) => total + part.counts.reduce((a, b) => a + b), 0)).toBe(3 * 6 * 4);
    expect(subjectsOf(out).get(name(5))).toBe('S010');
    expectSplitByPerson(out);
    expect(contentsOf(raw)).toEqual(before);
  });

  it('keeps contempt in folders, with other counts of frames', async () => {
    using folder = temporaryFolder();
    const raw = join(folder.path, 'raw');
    await writeRawCkplus(raw, ['S005', 'S010']);
    const options = { ...CKPLUS, contempt: true, layout: 'folder', neutralFrames: 0, peakFrames: 1 } as const;
    const plan = await planCkplus(raw, options);
    expect(plan.notes).toEqual(['The raw files give 14 pictures in all; the owners state 327.']);
    await prepare(folder.path, plan, fakeMaker());
    const { classes, train, test } = loadDataset({ name: 'folder', dataPath: join(folder.path, 'out') });
    expect(classes).toEqual(['anger', 'contempt', 'disgusted', 'fear', 'happy', 'sad', 'surprise']);
    expect(train.length + test.length).toBe(14);
    const subjects = readFileSync(join(folder.path, 'out/subjects.txt'), 'utf8').trim().split('\n');
    expect(subjects).toContainEqual(expect.stringMatching(/^(train|test)\/contempt\/S010_002_00000005\.png S010$/));
  });

  it('reads the owners’ zips, and their landmarks', async () => {
    using folder = temporaryFolder();
    const raw = join(folder.path, 'raw');
    await writeRawCkplus(raw, ['S005', 'S010']);
    for (const [name, archive] of [
      ['cohn-kanade-images', 'extended-cohn-kanade-images.zip'],
      ['Emotion', 'Emotion_labels.zip'],
      ['Landmarks', 'Landmarks.zip'],
    ] as const) {
      const files = Object.keys(contentsOf(join(raw, name)));
      writeZip(
        join(raw, archive),
        Object.fromEntries(files.map((file) => [`${name}/${file}`, readFileSync(join(raw, name, file))])),
      );
      rmSync(join(raw, name), { recursive: true });
    }
    const { maker, asked } = fakeMaker();
    await prepare(folder.path, await planCkplus(raw, { ...CKPLUS, landmarks: true }), { maker });
    expect(asked).toHaveLength(2 * 6 * 4);
    expect(asked[0]?.landmarks?.leftEye).toEqual({ x: 78.5, y: 94.25 });
  });

  it.each<[string, (raw: string) => void, RegExp]>([
    [
      'an unknown label',
      (raw) => writeFiles(raw, { 'Emotion/S005/001/S005_001_00000005_emotion.txt': ' 9.0e+00\n' }),
      /S005_001_00000005_emotion\.txt:1: label "9\.0e\+00", expected 0 to 7/,
    ],
    [
      'a label twice',
      (raw) => writeFiles(raw, { 'Emotion/S005/001/S005_001_00000006_emotion.txt': ' 1.0e+00\n' }),
      /S005\/001 has a label already/,
    ],
    [
      'a picture of another name',
      (raw) => writeFiles(raw, { 'cohn-kanade-images/S005/001/S006_001_00000001.png': '' }),
      /S006_001_00000001\.png: expected a name like/,
    ],
    [
      'a label without frames',
      (raw) => writeFiles(raw, { 'Emotion/S005/009/S005_009_00000006_emotion.txt': ' 1.0e+00\n' }),
      /S005\/009 has a label, but .* no frames of it/,
    ],
    [
      'a sequence that is too short',
      (raw) => rmSync(join(raw, 'cohn-kanade-images/S005/001/S005_001_00000003.png')),
      /S005\/001 has 4 frames, too few for 2 neutral and 3 peak/,
    ],
    [
      'landmarks that are not there',
      (raw) => rmSync(join(raw, 'Landmarks/S005/001/S005_001_00000001_landmarks.txt')),
      /Landmarks: no file S005\/001\/S005_001_00000001_landmarks\.txt/,
    ],
    [
      'landmarks cut off',
      (raw) => writeFiles(raw, { 'Landmarks/S005/001/S005_001_00000001_landmarks.txt': '1 2\n' }),
      /00000001_landmarks\.txt:2: expected "x y", found ""/,
    ],
    [
      'no labels at all',
      (raw) => rmSync(join(raw, 'Emotion'), { recursive: true }),
      /neither a folder .*Emotion nor .*Emotion_labels\.zip/,
    ],
  ])('names %s', async (_, damage, message) => {
    using folder = temporaryFolder();
    await writeRawCkplus(folder.path, ['S005', 'S010']);
    damage(folder.path);
    await expect(planCkplus(folder.path, { ...CKPLUS, landmarks: true, neutralFrames: 2 })).rejects.toThrow(message);
  });

  it('refuses contempt in lists that have no label for it', async () => {
    await expect(planCkplus('/nowhere', { ...CKPLUS, contempt: true })).rejects.toThrow(/--contempt needs --layout folder/);
  });
});

describe('JAFFE', () => {
  it('reads person and expression from the names; aligned TIFF becomes PNG', async () => {
    using folder = temporaryFolder();
    const raw = join(folder.path, 'raw');
    await writeRawJaffe(join(raw, 'jaffe'));
    const { leftOut } = await prepare(folder.path, await planJaffe(raw, JAFFE), fakeMaker());
    expect(leftOut.map(({ where }) => where)).toEqual([join(raw, 'jaffe/README_FIRST')]);
    const out = join(folder.path, 'out');
    const { train, test, classes } = loadDataset({ name: 'rafdb', dataPath: out });
    const labels = Object.fromEntries([...train, ...test].map(({ file, label }) => [file, classes[label]]));
    expect(labels).toMatchObject({ 'aligned_224/KA.AN1.1.tiff.png': 'anger', 'aligned_224/YM.SU1.21.tiff.png': 'surprise' });
    expect(subjectsOf(out).get('aligned_224/YM.SU1.21.tiff.png')).toBe('YM');
    expectSplitByPerson(out);
  });

  it('keeps the owners’ TIFF files without alignment', async () => {
    using folder = temporaryFolder();
    const raw = join(folder.path, 'raw');
    await writeRawJaffe(raw);
    await prepare(folder.path, await planJaffe(raw, { ...JAFFE, align: 'none' }));
    expect(readFileSync(join(folder.path, 'out/basic/Image/original/KA.AN1.1.tiff'))).toEqual(
      readFileSync(join(raw, 'KA.AN1.1.tiff')),
    );
    expectSplitByPerson(join(folder.path, 'out'));
  });

  it.each(['KA.XX1.39.tiff', 'KA1.AN1.39.tiff', 'face.jpg'])('names the picture %s, whose name says nothing', async (name) => {
    using folder = temporaryFolder();
    await writeRawJaffe(folder.path);
    writeFiles(folder.path, { [name]: '' });
    await expect(planJaffe(folder.path, JAFFE)).rejects.toThrow(`${name}: expected a name like KA.AN1.39.tiff`);
  });

  it('needs two people', async () => {
    using folder = temporaryFolder();
    await writeRawJaffe(folder.path, ['KA']);
    await expect(planJaffe(folder.path, JAFFE)).rejects.toThrow(/shows 1 person, but training and test need one each/);
  });
});

describe('Oulu-CASIA', () => {
  it('takes the last three frames of six expressions, in folders', async () => {
    using folder = temporaryFolder();
    const raw = join(folder.path, 'raw');
    await writeRawOulu(raw);
    await prepare(folder.path, await planOulu(raw, OULU), fakeMaker());
    const { classes, train, test } = loadDataset({ name: 'folder', dataPath: join(folder.path, 'out') });
    expect(classes).toEqual(['anger', 'disgusted', 'fear', 'happy', 'sad', 'surprise']);
    const frames = [...train, ...test]
      .map(({ file }) => file.replace(/^.*\//, ''))
      .filter((file) => file.startsWith('P002_Anger'));
    expect(frames).toEqual(['P002_Anger_002.jpeg', 'P002_Anger_003.jpeg', 'P002_Anger_004.jpeg']);
  });

  it.each([
    ['B_OriginalImg/OriginalImg/VL/Weak', 'similarity'],
    ['PreProcess_Img/VL_Acropped/Weak', 'none'],
    ['Weak', 'margin'],
  ] as const)('finds the frames in %s, with neutral ones by option, in lists', async (place, align) => {
    using folder = temporaryFolder();
    const raw = join(folder.path, 'raw');
    await writeRawOulu(raw, place);
    const plan = await planOulu(raw, { ...OULU, layout: 'lists', illumination: 'Weak', neutralFrames: 1, align });
    await prepare(folder.path, plan, align === 'none' ? {} : fakeMaker());
    const out = join(folder.path, 'out');
    const { train, test } = loadDataset({ name: 'rafdb', dataPath: out });
    expect([...train, ...test].filter(({ label }) => label === 6).map(({ file }) => file)).toHaveLength(3 * 6);
    expectSplitByPerson(out);
  });

  it('names folders and frames that are not as they should be', async () => {
    using folder = temporaryFolder();
    await expect(planOulu(folder.path, OULU)).rejects.toThrow(/holds no OriginalImg.VL.Strong nor VL_Acropped.Strong/);
    await writeRawOulu(folder.path);
    renameSync(join(folder.path, 'OriginalImg/VL/Strong/P001/Anger'), join(folder.path, 'OriginalImg/VL/Strong/P001/Angry'));
    await expect(planOulu(folder.path, OULU)).rejects.toThrow(
      /P001\/Angry\/000\.jpeg: expected a name like P001\/Anger\/000\.jpeg/,
    );
    await expect(planOulu(folder.path, { ...OULU, peakFrames: 6 })).rejects.toThrow(
      /P001\/Fear has 5 frames, too few for 0 neutral and 6/,
    );
  });
});

describe('testPeople', () => {
  it('takes a fifth of the people, at least one, whatever their order', () => {
    const people = fc.uniqueArray(fc.string({ minLength: 1 }), { minLength: 2, maxLength: 60 });
    fc.assert(
      fc.property(people, (names) => {
        const test = testPeople(names, 'raw');
        expect(test.size).toBe(Math.max(1, Math.round(names.length / 5)));
        expect(testPeople(names.toReversed(), 'raw')).toEqual(test);
      }),
    );
  });

  it('gives the same people on every machine', () => {
    const people = Array.from({ length: 10 }, (_, i) => `P00${i}`);
    // The two smallest SHA-256 of these names.
    expect([...testPeople(people, 'raw')].sort()).toEqual(['P003', 'P004']);
  });
});
