import { appendFileSync, mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { loadDataset } from '#uafer/data/datasets.js';
import { planAffectnet } from '#uafer/prepare/affectnet.js';
import { temporaryFolder } from '../support/pictures.js';
import { affectnetRow, textNpy, writeRawAffectnet, writeRawAffectnetFolders } from '../support/rawSets.js';
import { fakeMaker, prepare } from './prepared.js';

const UNALIGNED = { align: 'none', landmarks: false } as const;
const BY_LANDMARKS = { align: 'similarity', landmarks: true } as const;

describe('AffectNet with CSV files', () => {
  it('becomes lists for 7 and 8 classes; what shows no expression is left out and counted', async () => {
    using folder = temporaryFolder();
    const raw = join(folder.path, 'raw');
    await writeRawAffectnet(raw);
    const { maker, asked } = fakeMaker();
    const { leftOut, counts } = await prepare(folder.path, await planAffectnet(raw, { align: 'margin', landmarks: false }), {
      maker,
    });
    expect(leftOut.map(({ why }) => why).sort()).toEqual(
      ['none', 'uncertain', 'no face'].flatMap((why) => [`its label is "${why}"`, `its label is "${why}"`]).sort(),
    );
    expect(leftOut[0]?.where).toMatch(/training\.csv:10 9\/a8f0\.jpg$/);
    expect(counts.parts.map((part) => part.counts)).toEqual([Array(8).fill(1), Array(8).fill(1)]);
    expect(asked[0]).toEqual({ box: { left: 30, top: 40, width: 160, height: 170 } });
    const dataPath = join(folder.path, 'out');
    const [seven, eight] = [loadDataset({ name: 'affectnet', dataPath }), loadDataset({ name: 'affectnet_8', dataPath })];
    expect([seven.train.length, seven.test.length, eight.train.length, eight.test.length]).toEqual([7, 7, 8, 8]);
    expect(eight.train.map(({ file, label }) => [file, eight.classes[label]])[7]).toEqual(['8/a7f0.jpg', 'contempt']);
  });

  it('finds the lists where the archive has them, and takes five points of the 68', async () => {
    using folder = temporaryFolder();
    await writeRawAffectnet(folder.path);
    mkdirSync(join(folder.path, 'Manually_Annotated_file_lists'));
    for (const name of ['training.csv', 'validation.csv'])
      renameSync(join(folder.path, name), join(folder.path, 'Manually_Annotated_file_lists', name));
    const plan = await planAffectnet(folder.path, BY_LANDMARKS);
    expect(plan.pictures).toHaveLength(16);
    expect(plan.pictures[0]?.face?.landmarks).toEqual({
      leftEye: { x: 78.5, y: 94.25 },
      rightEye: { x: 145.5, y: 94.25 },
      nose: { x: 112, y: 132 },
      mouthLeft: { x: 84, y: 168 },
      mouthRight: { x: 140, y: 168 },
    });
  });

  it.each<[string, string, RegExp]>([
    ['an unknown expression', affectnetRow('1/a0f0.jpg', 11), /training\.csv:13: expression "11", expected 0 to 10/],
    ['too few columns', '1/a0f0.jpg,1,2,3', /training\.csv:13: expected 9 columns, found 4/],
    [
      'a picture that stands twice',
      affectnetRow('1/a0f0.jpg', 0),
      /:13: picture "1\/a0f0\.jpg" stands already on .*training\.csv:2/,
    ],
    ['a picture that is not there', affectnetRow('1/zz.jpg', 0), /:13: no picture 1\/zz\.jpg in .*Manually_Annotated_Images/],
    ['a box without numbers', affectnetRow('1/a.jpg', 0).replace(',30,', ',x,'), /:13: face_x, face_y, .* must be numbers/],
    ['landmarks cut off', '1/a.jpg,1,2,3,4,5;6,0,0,0', /:13: facial_landmarks must be 68 points .*found 2 values/],
    ['a quote that never ends', '"1/a.jpg,1,2', /training\.csv:\d+: .*[Qq]uote/],
  ])('names file and line of %s', async (_, row, message) => {
    using folder = temporaryFolder();
    await writeRawAffectnet(folder.path);
    appendFileSync(join(folder.path, 'training.csv'), `${row}\n`);
    await expect(planAffectnet(folder.path, BY_LANDMARKS)).rejects.toThrow(message);
  });

  it('says what is expected of a folder that is something else', async () => {
    using folder = temporaryFolder();
    await expect(planAffectnet(folder.path, UNALIGNED)).rejects.toThrow(
      /training\.csv, validation\.csv .*train_set and val_set/,
    );
  });
});

describe('AffectNet with .npy annotations', () => {
  it('becomes the same lists', async () => {
    using folder = temporaryFolder();
    const raw = join(folder.path, 'raw');
    await writeRawAffectnetFolders(raw);
    writeFileSync(join(raw, 'val_set/annotations/7_exp.npy'), textNpy('10'));
    const { leftOut } = await prepare(folder.path, await planAffectnet(raw, UNALIGNED));
    expect(leftOut).toEqual([{ where: join(raw, 'val_set/images/7.jpg'), why: 'its label is "no face"' }]);
    const { train, test, classes } = loadDataset({ name: 'affectnet_8', dataPath: join(folder.path, 'out') });
    expect(train.map(({ file, label }) => [file, classes[label]])).toContainEqual(['train_set/7.jpg', 'contempt']);
    expect(test).toHaveLength(7);
  });

  it('takes the points for --landmarks', async () => {
    using folder = temporaryFolder();
    await writeRawAffectnetFolders(folder.path);
    const [picture] = (await planAffectnet(folder.path, BY_LANDMARKS)).pictures;
    expect(picture?.face?.landmarks?.nose).toEqual({ x: 112, y: 132 });
  });

  it.each<[string, (folder: string) => void, RegExp]>([
    ['is missing', (folder) => rmSync(join(folder, '3_exp.npy')), /annotations: no file 3_exp\.npy/],
    ['is no array', (folder) => writeFileSync(join(folder, '3_exp.npy'), 'happy'), /3_exp\.npy: it is no \.npy file/],
    [
      'has another label',
      (folder) => writeFileSync(join(folder, '3_exp.npy'), textNpy('12')),
      /3_exp\.npy: label 12, expected 0 to 10/,
    ],
    [
      'is too short',
      (folder) => writeFileSync(join(folder, '3_lnd.npy'), textNpy('1')),
      /3_lnd\.npy: it holds 1 values, expected 136/,
    ],
  ])('names an annotation that %s', async (_, damage, message) => {
    using folder = temporaryFolder();
    await writeRawAffectnetFolders(folder.path);
    damage(join(folder.path, 'train_set/annotations'));
    await expect(planAffectnet(folder.path, BY_LANDMARKS)).rejects.toThrow(message);
  });
});
