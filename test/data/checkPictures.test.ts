import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { checkPictures, type PictureCheck } from '#uafer/data/checkPictures.js';
import type { Sample } from '#uafer/data/types.js';
import { temporaryFolder, writePng } from '../support/pictures.js';

let folder: ReturnType<typeof temporaryFolder>;
beforeEach(() => {
  folder = temporaryFolder();
});
afterEach(() => folder[Symbol.dispose]());

async function samples(sizes: Record<string, readonly [number, number]>): Promise<Sample[]> {
  for (const [file, [width, height]] of Object.entries(sizes)) await writePng(join(folder.path, file), width, height);
  return Object.keys(sizes).map((file) => ({ file, path: join(folder.path, file), label: 0 }));
}
const options: PictureCheck = { imageSize: 16, resize: 'shorter-bicubic', centerCrop: false, allowUnreadable: false };

it('finds nothing in squares, and in what rounding makes square', async () => {
  const train = await samples({ 'a.png': [16, 16], 'b.png': [100, 101] });
  expect(await checkPictures({ train, test: await samples({ 'c.png': [9, 9] }) }, options)).toBe(0);
});

it('names the pictures of both parts that are not square, and what to do', async () => {
  const train = await samples({ 'a.png': [16, 16], 'b.png': [20, 10] });
  const test = await samples({ 'c.png': [30, 20] });
  await expect(checkPictures({ train, test }, options)).rejects.toMatchObject({
    code: 'DATA',
    message: expect.stringMatching(/^2 of 3 pictures are not square.*--center-crop.*b\.png is 20 x 10\n.*c\.png is 30 x 20$/s),
  });
});

it('counts them where their middle is cut out, and reads none where their shape does not matter', async () => {
  const train = await samples({ 'a.png': [16, 16], 'b.png': [20, 10] });
  expect(await checkPictures({ train, test: [] }, { ...options, centerCrop: true })).toBe(1);
  const absent = [{ file: 'x', path: join(folder.path, 'x'), label: 0 }];
  expect(await checkPictures({ train: absent, test: [] }, { ...options, resize: 'square-bilinear' })).toBe(0);
});

it('refuses more than 1% without a readable header, and tells its progress', async () => {
  const train = await samples({ 'a.png': [16, 16] });
  writeFileSync(join(folder.path, 'b.png'), 'no picture');
  train.push({ file: 'b.png', path: join(folder.path, 'b.png'), label: 0 });
  await expect(checkPictures({ train, test: [] }, options)).rejects.toMatchObject({ code: 'IMAGE' });
  const told: number[] = [];
  const onProgress = (done: number, total: number) => void told.push(done, total);
  expect(await checkPictures({ train, test: [] }, { ...options, allowUnreadable: true, onProgress })).toBe(0);
  expect(told).toEqual([1, 2, 2, 2]);
});

it('ends when asked to', async () => {
  const train = await samples({ 'a.png': [16, 16] });
  const stopped = checkPictures({ train, test: [] }, { ...options, shouldStop: () => true });
  await expect(stopped).rejects.toMatchObject({ code: 'INTERRUPTED' });
});
