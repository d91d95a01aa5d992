import { appendFileSync, existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { decodePicture } from '#uafer/codec/decode.js';
import { loadDataset } from '#uafer/data/datasets.js';
import { planFer2013 } from '#uafer/prepare/fer2013.js';
import { planFerplus } from '#uafer/prepare/ferplus.js';
import { temporaryFolder, writeFiles } from '../support/pictures.js';
import { fer2013Rows, writeRawFer2013, writeRawFerplus } from '../support/rawSets.js';
import { prepare } from './prepared.js';

const editFile = (file: string, edit: (text: string) => string) => writeFileSync(file, edit(readFileSync(file, 'utf8')));

describe('FER2013', () => {
  it('becomes folders of its exact pixels, the public part as test', async () => {
    using folder = temporaryFolder();
    const raw = join(folder.path, 'raw');
    writeRawFer2013(raw);
    const { leftOut } = await prepare(folder.path, await planFer2013(raw, { test: 'public' }));
    expect(leftOut).toHaveLength(7);
    expect(leftOut[0]).toEqual({ where: `${raw}/fer2013.csv:23`, why: 'it belongs to PrivateTest, the other held-out part' });
    const { classes, train, test } = loadDataset({ name: 'folder', dataPath: join(folder.path, 'out') });
    expect(classes).toEqual(['anger', 'disgusted', 'fear', 'happy', 'sad', 'surprise', 'neutral'].sort());
    expect([train.length, test.length]).toEqual([14, 7]);
    // The fourth row: label 3 is happy.
    const { data, width, height } = await decodePicture(join(folder.path, 'out/train/happy/fer0000003.png'));
    expect([width, height]).toEqual([48, 48]);
    expect([...data].filter((_, i) => i % 3 === 0).join(' ')).toBe(fer2013Rows[3]?.pixels);
  });

  it('takes the private part by option, and the later copy’s blanks in its header', async () => {
    using folder = temporaryFolder();
    const raw = join(folder.path, 'raw');
    writeRawFer2013(raw);
    renameSync(join(raw, 'fer2013.csv'), join(raw, 'icml_face_data.csv'));
    const later = fer2013Rows.map(({ usage, label, pixels }) => `${label},${usage},${pixels}\n`).join('');
    writeFileSync(join(raw, 'icml_face_data.csv'), `emotion, Usage, pixels\n${later}`);
    await prepare(folder.path, await planFer2013(raw, { test: 'private' }));
    const { test } = loadDataset({ name: 'folder', dataPath: join(folder.path, 'out') });
    expect(test.map(({ file }) => file)).toContain('test/anger/fer0000021.png');
  });

  it.each<[string, string, RegExp]>([
    ['an unknown label', `7,${fer2013Rows[0]?.pixels},Training`, /fer2013\.csv:30: emotion "7", expected 0 to 6/],
    ['an unknown part', `1,${fer2013Rows[0]?.pixels},Test`, /:30: usage "Test", expected Training, PublicTest, PrivateTest/],
    ['too few pixels', '1,1 2 3,Training', /:30: 3 pixels, expected 48 x 48 = 2304/],
    ['too many pixels', `1,${fer2013Rows[0]?.pixels} 1,Training`, /:30: 2305 pixels, expected 48 x 48 = 2304/],
    ['a pixel over 255', '1,1 256 3,Training', /:30: pixel 2 is no whole number from 0 to 255/],
    ['a pixel that is no number', '1,1 -2 3,Training', /:30: pixel 2 is no whole number from 0 to 255/],
    ['a missing column', '1,2', /:30: usage "", expected/],
  ])('names file and line of %s', async (_, row, message) => {
    using folder = temporaryFolder();
    writeRawFer2013(folder.path);
    appendFileSync(join(folder.path, 'fer2013.csv'), `${row}\n`);
    await expect(planFer2013(folder.path, { test: 'public' })).rejects.toThrow(message);
  });

  it('says what a header lacks, and which files are looked for', async () => {
    using folder = temporaryFolder();
    await expect(planFer2013(folder.path, { test: 'public' })).rejects.toThrow(/neither fer2013\.csv nor icml_face_data\.csv/);
    writeFiles(folder.path, { 'fer2013.csv': 'emotion,Usage\n' });
    await expect(planFer2013(folder.path, { test: 'public' })).rejects.toThrow(/fer2013\.csv:1: the header lacks pixels/);
    writeFiles(folder.path, { 'fer2013.csv': '' });
    await expect(planFer2013(folder.path, { test: 'public' })).rejects.toThrow(/fer2013\.csv is empty/);
  });
});

describe('FER+', () => {
  it('becomes its owners’ layout, of which the loader takes majority and distribution', async () => {
    using folder = temporaryFolder();
    const raw = join(folder.path, 'raw');
    writeRawFerplus(raw);
    const plan = await planFerplus(raw);
    const { leftOut, counts } = await prepare(folder.path, plan);
    expect(leftOut).toEqual([{ where: `${raw}/fer2013.csv:3`, why: 'FER+ names no picture: its annotators saw no face' }]);
    expect(counts.parts.map(({ name, counts: each }) => [name, each.reduce((a, b) => a + b)])).toEqual([
      ['train (majority)', 13],
      ['train (distribution)', 13],
      ['valid', 7],
      ['test', 7],
    ]);
    const dataPath = join(folder.path, 'out');
    expect(existsSync(join(dataPath, 'FER2013Test/fer0000021.png'))).toBe(true);
    const [first] = loadDataset({ name: 'ferplus', dataPath }).train;
    expect(first).toMatchObject({ file: 'fer0000000.png', label: 0 });
    expect(first?.votes).toEqual([0.8, 0, 0, 0, 0, 0, 0, 0.2]);
    const [shared] = loadDataset({ name: 'ferplus', dataPath, votes: 'distribution' }).train;
    expect(shared?.votes).toEqual(first?.votes);
    const { data } = await decodePicture(join(dataPath, 'FER2013Valid/fer0000014.png'));
    expect([...data].filter((_, i) => i % 3 === 0).join(' ')).toBe(fer2013Rows[14]?.pixels);
  });

  it('says that the row counts differ from the challenge’s', async () => {
    using folder = temporaryFolder();
    writeRawFerplus(folder.path);
    expect((await planFerplus(folder.path)).notes[0]).toBe(
      "FER2013's CSV has 14 rows for Training; the challenge gave out 28709.",
    );
  });

  it.each<[string, (text: string) => string, RegExp]>([
    [
      'rows that belong to other parts',
      (text) => text.replace('PublicTest', 'Training'),
      /new\.csv:16: usage "Training", but .*:16 says "PublicTest"/,
    ],
    ['fewer rows', (text) => text.replace(/.*\n$/, ''), /has 28 rows that can be used, .*fer2013new\.csv has 27/],
    [
      'a vote that is no number',
      (text) => text.replace('Training,fer0000000.png,8', 'Training,fer0000000.png,x'),
      /new\.csv:2: vote "x"/,
    ],
    ['a row cut off', (text) => text.replace(/(fer0000000\.png,8),.*/, '$1'), /new\.csv:2: expected 12 columns, found 3/],
    [
      'a name of two pictures',
      (text) => text.replace('fer0000003', 'fer0000002'),
      /new\.csv:5: picture "fer0000002\.png" stands already on line 4/,
    ],
    [
      'a name that leads elsewhere',
      (text) => text.replace('fer0000003', '../fer0000003'),
      /new\.csv:5: picture "\.\.\/fer0000003\.png", expected a name like/,
    ],
    ['another header', (text) => text.replace('neutral', 'calm'), /new\.csv:1: expected the header/],
  ])('names file and line of %s', async (_, edit, message) => {
    using folder = temporaryFolder();
    writeRawFerplus(folder.path);
    editFile(join(folder.path, 'fer2013new.csv'), edit);
    await expect(planFerplus(folder.path)).rejects.toThrow(message);
  });

  it('needs the votes', async () => {
    using folder = temporaryFolder();
    writeRawFer2013(folder.path);
    await expect(planFerplus(folder.path)).rejects.toThrow(/holds no fer2013new\.csv/);
  });
});
