import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { loadDataset } from '#uafer/data/datasets.js';
import type { Plan } from '#uafer/prepare/plan.js';
import { parsePartition, planRafdb } from '#uafer/prepare/rafdb.js';
import { collectProblems } from '#uafer/problems.js';
import { contentsOf } from '../support/folders.js';
import { temporaryFolder } from '../support/pictures.js';
import { faces, rafdbNames, writeRawRafdb } from '../support/rawSets.js';
import { writeZip } from '../support/zip.js';
import { fakeMaker, prepare } from './prepared.js';

const LIST = 'basic/EmoLabel/list_patition_label.txt';
const UNALIGNED = { align: 'none', landmarks: false } as const;
const ALIGNED = { align: 'similarity', landmarks: false } as const;

describe('RAF-DB', () => {
  it.each([
    ['folders', false],
    ['zips', true],
  ])('becomes the three lists and aligned_224, from %s; the raw download stays as it is', async (_, zips) => {
    using folder = temporaryFolder();
    const raw = join(folder.path, 'raw');
    writeRawRafdb(raw, { zips });
    const before = contentsOf(raw);
    const { maker, asked } = fakeMaker();
    const { made, leftOut } = await prepare(folder.path, await planRafdb(raw, ALIGNED), { maker });
    expect({ made, leftOut }).toEqual({ made: 14, leftOut: [] });
    // The owners' box tells which face is meant.
    expect(asked).toContainEqual({ box: { left: 30, top: 40, width: 160, height: 170 } });
    const dataset = loadDataset({ name: 'rafdb', dataPath: join(folder.path, 'out') });
    const expected = (train: boolean) =>
      rafdbNames.flatMap((name, i) => {
        const face = faces[i];
        return face?.train === train
          ? [[`${name}.jpg`, face.label, join(folder.path, `out/basic/Image/aligned_224/${name}.jpg`)]]
          : [];
      });
    expect(dataset.train.map(({ file, label, path }) => [file, label, path])).toEqual(expected(true));
    expect(dataset.test.map(({ file, label, path }) => [file, label, path])).toEqual(expected(false));
    expect(contentsOf(raw)).toEqual(before);
  });

  it('takes the owners’ aligned pictures byte for byte without alignment, given the basic folder too', async () => {
    using folder = temporaryFolder();
    writeRawRafdb(join(folder.path, 'raw'), { zips: true });
    await prepare(folder.path, await planRafdb(join(folder.path, 'raw/basic'), UNALIGNED));
    const [sample] = loadDataset({ name: 'rafdb', dataPath: join(folder.path, 'out') }).train;
    expect(sample?.path).toBe(join(folder.path, 'out/basic/Image/aligned/train_00001_aligned.jpg'));
    expect(readFileSync(sample?.path ?? '')).toEqual(readFileSync(faces.find(({ train }) => train)?.path ?? ''));
  });

  it('hands on the owners’ five points for --landmarks', async () => {
    using folder = temporaryFolder();
    writeRawRafdb(folder.path);
    const plan = await planRafdb(folder.path, { align: 'similarity', landmarks: true });
    expect(plan.pictures[0]?.face?.landmarks).toEqual({
      leftEye: { x: 78.5, y: 94.25 },
      rightEye: { x: 145.5, y: 94.25 },
      nose: { x: 112, y: 132 },
      mouthLeft: { x: 84, y: 168 },
      mouthRight: { x: 140, y: 168 },
    });
  });

  it('says how far its totals are from the published ones', async () => {
    using folder = temporaryFolder();
    writeRawRafdb(folder.path);
    expect((await planRafdb(folder.path, UNALIGNED)).notes).toEqual([
      'The raw files give 7 pictures for training; the owners state 12271.',
      'The raw files give 7 pictures for test; the owners state 3068.',
    ]);
  });

  it.each<[string, string, RegExp]>([
    [
      'a line of another form',
      'train_00001 5',
      /list_patition_label\.txt:15: expected "train_00001\.jpg 5", found "train_00001 5"/,
    ],
    ['an unknown label', 'train_00001.jpg 8', /:15: label "8", expected 1 to 7/],
    ['a name that stands twice', 'train_00001.jpg 5', /:15: picture "train_00001\.jpg" stands already on line \d+/],
    ['a picture that is not there', 'train_00099.jpg 5', /:15: no picture train_00099\.jpg in .*original/],
  ])('names file and line of %s, and writes nothing', async (_, line, message) => {
    using folder = temporaryFolder();
    writeRawRafdb(folder.path);
    writeFileSync(join(folder.path, LIST), `${readFileSync(join(folder.path, LIST), 'utf8')}${line}\n`);
    await expect(planRafdb(folder.path, ALIGNED)).rejects.toThrow(message);
  });

  it.each<[string, string, RegExp]>([
    ['Image/original', 'basic/Image/original', /neither a folder .*original nor .*original\.zip.*--align none/],
    ['the list', LIST, /list_patition_label\.txt cannot be read/],
    ['the landmarks', 'basic/Annotation/manual', /neither a folder .*manual nor .*manual\.zip/],
    ['one landmark file', 'basic/Annotation/manual/test_0001_manu_attri.txt', /no file test_0001_manu_attri\.txt/],
  ])('says what is expected when %s is missing', async (_, path, message) => {
    using folder = temporaryFolder();
    writeRawRafdb(folder.path);
    rmSync(join(folder.path, path), { recursive: true });
    await expect(planRafdb(folder.path, { align: 'similarity', landmarks: true })).rejects.toThrow(message);
  });

  it('names file and line of a landmark or box that is none', async () => {
    using folder = temporaryFolder();
    writeRawRafdb(folder.path);
    writeFileSync(join(folder.path, 'basic/Annotation/manual/train_00001_manu_attri.txt'), '1\t2\n3\n');
    writeFileSync(join(folder.path, 'basic/Annotation/boundingbox/train_00001_boundingbox.txt'), '9 9 1 1');
    const planning = planRafdb(folder.path, { align: 'similarity', landmarks: true });
    await expect(planning).rejects.toThrow(
      /2 problems[\s\S]*boundingbox\.txt:1: expected a box[\s\S]*manu_attri\.txt:2: expected "x y"/,
    );
  });

  it.each<[string, (zip: string) => void, RegExp]>([
    [
      'cut off',
      (zip) => writeFileSync(zip, readFileSync(zip).subarray(0, 2000)),
      /original\.zip cannot be read: .*downloaded whole/,
    ],
    [
      'encrypted',
      (zip) =>
        writeZip(zip, Object.fromEntries(rafdbNames.map((name) => [`original/${name}.jpg`, Buffer.from('x')])), {
          encrypted: true,
        }),
      /original\.zip\/original\/\w+\.jpg is encrypted: unpack the archive with the password/,
    ],
  ])('says when an archive is %s', async (_, damage, message) => {
    using folder = temporaryFolder();
    const raw = join(folder.path, 'raw');
    writeRawRafdb(raw, { zips: true });
    damage(join(raw, 'basic/Image/original.zip'));
    const run = async (): Promise<Plan | unknown> => prepare(folder.path, await planRafdb(raw, ALIGNED), fakeMaker());
    await expect(run()).rejects.toThrow(message);
  });
});

describe('parsePartition', () => {
  it('reads a list of RAF-DB’s size', () => {
    const line = (i: number) =>
      i < 12271
        ? `train_${String(i + 1).padStart(5, '0')}.jpg ${(i % 7) + 1}`
        : `test_${String(i - 12270).padStart(4, '0')}.jpg ${(i % 7) + 1}`;
    const problems = collectProblems();
    const rows = parsePartition(
      Array.from({ length: 15339 }, (_, i) => line(i)),
      'list.txt',
      problems,
    );
    problems.check('the list');
    expect(rows).toHaveLength(15339);
    expect(rows.filter(({ train }) => train)).toHaveLength(12271);
    expect(rows[15338]).toEqual({ line: 15339, name: 'test_3068.jpg', label: (15338 % 7) + 1, train: false });
  });

  it('gives back any list of names and labels', () => {
    const row = fc.record({
      number: fc.nat(99999),
      train: fc.boolean(),
      label: fc.integer({ min: 1, max: 7 }),
      gap: fc.constantFrom(' ', '\t', '  '),
    });
    const list = fc.uniqueArray(row, { selector: ({ number, train }) => `${train} ${number}`, minLength: 1 });
    const nameOf = ({ number, train }: { number: number; train: boolean }) => `${train ? 'train' : 'test'}_${number}.jpg`;
    fc.assert(
      fc.property(list, (rows) => {
        const problems = collectProblems();
        const lines = rows.map((one) => `${nameOf(one)}${one.gap}${one.label}`);
        const parsed = parsePartition(lines, 'list.txt', problems);
        problems.check('the list');
        expect(parsed).toEqual(rows.map((one, i) => ({ line: i + 1, name: nameOf(one), label: one.label, train: one.train })));
      }),
    );
  });

  it('tells every line that is anything else', () => {
    const junk = fc.string().filter((text) => !/\.jpg\s+\d\s*$/.test(text) && !/[\r\n]/.test(text));
    fc.assert(
      fc.property(junk, (text) => {
        const problems = collectProblems();
        parsePartition(['train_00001.jpg 1', text], 'list.txt', problems);
        expect(() => problems.check('the list')).toThrow('list.txt:2: ');
      }),
    );
  });
});
