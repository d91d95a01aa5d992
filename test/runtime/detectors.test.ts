import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { decodePicture } from '#uafer/codec/decode.js';
import type { Detector, DetectorName } from '#uafer/faces/types.js';
import type { Picture } from '#uafer/image/picture.js';
import { resizePicture } from '#uafer/image/resize.js';
import { packagePath } from '#uafer/paths.js';
import { createDetector, type DetectorSettings } from '#uafer/runtime/detectors.js';
import { photoPath } from '../support/photos.js';
import { testPixels } from '../support/pictures.js';

const NAMES: DetectorName[] = ['mtcnn', 'blazeface'];

const plain = (width: number, height: number, value: number): Picture => ({
  data: new Uint8Array(width * height * 3).fill(value),
  width,
  height,
});

/** A picture in the middle of a larger, grey one. */
function framed(picture: Picture, width: number, height: number): Picture {
  const frame = plain(width, height, 128);
  const [left, top] = [(width - picture.width) >> 1, (height - picture.height) >> 1];
  for (let y = 0; y < picture.height; y++) {
    const row = picture.data.subarray(y * picture.width * 3, (y + 1) * picture.width * 3);
    frame.data.set(row, ((y + top) * width + left) * 3);
  }
  return frame;
}

describe.each(NAMES)('%s', (name) => {
  let detector: Detector;
  let astronaut: Picture;
  let five: Picture;
  beforeAll(async () => {
    detector = await createDetector(name);
    astronaut = await decodePicture(photoPath('astronaut.jpg'));
    five = resizePicture(await decodePicture(photoPath('five.jpg')), 640, 466, 'bilinear');
  });
  afterAll(() => detector.close());

  it('finds nothing where there is no face', async () => {
    expect(await detector.detect(plain(320, 200, 0))).toEqual([]);
    expect(await detector.detect(plain(320, 200, 255))).toEqual([]);
    expect(await detector.detect({ data: testPixels(320, 200, 1), width: 320, height: 200 })).toEqual([]);
  });

  it.each([
    [1, 1],
    [1, 300],
    [7, 5],
    [19, 19],
    [20, 20],
    [127, 60],
  ])('has an answer for a picture of %d x %d', async (width, height) => {
    expect(await detector.detect({ data: testPixels(width, height, 2), width, height })).toEqual([]);
  });

  it('finds a face in a picture smaller than its input', async () => {
    const small = resizePicture(astronaut, 100, 100, 'bicubic');
    const [face, ...others] = await detector.detect(small);
    expect(others).toEqual([]);
    expect(face?.box.left).toBeGreaterThan(30);
    expect((face?.box.left ?? 0) + (face?.box.width ?? 0)).toBeLessThan(60);
  });

  it('finds a face in a grey picture', async () => {
    const grey = astronaut.data.map((_, i) => astronaut.data[i - (i % 3) + 1] as number);
    expect(await detector.detect({ ...astronaut, data: grey })).toHaveLength(1);
  });

  it('finds a face in a picture of 24 megapixels', { timeout: 240_000 }, async () => {
    const large = resizePicture(astronaut, 3000, 3000, 'bilinear');
    const faces = (await detector.detect(framed(large, 6000, 4000))).filter(({ score }) => score > 0.6);
    const middle = ({ left, top, width, height }: { left: number; top: number; width: number; height: number }) => [
      (left + width / 2 - 1500) / (3000 / 512),
      (top + height / 2 - 500) / (3000 / 512),
    ];
    // The astronaut's face is about (224, 117) of 512.
    expect(faces.map(({ box }) => middle(box)).some(([x = 0, y = 0]) => Math.hypot(x - 224, y - 117) < 12)).toBe(true);
  });

  it('finds the same in pictures one by one, all at once, with another number of threads', async () => {
    const pictures = [astronaut, five, plain(64, 64, 9), five, astronaut];
    const alone = [];
    for (const picture of pictures) alone.push(await detector.detect(picture));
    expect(alone[1]).toHaveLength(5);
    expect(await Promise.all(pictures.map((picture) => detector.detect(picture)))).toEqual(alone);
    const other = await createDetector(name, { threads: 2 });
    expect(await other.detect(five)).toEqual(alone[1]);
    await other.close();
  });

  it('goes on after a picture that it could not take', async () => {
    const broken = {
      get data(): Uint8Array {
        throw new Error('gone');
      },
      width: 50,
      height: 50,
    };
    const [failed, fine] = await Promise.allSettled([detector.detect(broken), detector.detect(astronaut)]);
    expect(failed.status).toBe('rejected');
    expect(fine.status === 'fulfilled' && fine.value.length).toBe(1);
  });

  it('gives the most confident face first, with scores from 0 to 1', async () => {
    const scores = (await detector.detect(five)).map(({ score }) => score);
    expect(scores).toEqual(scores.toSorted((a, b) => b - a));
    expect(scores.every((score) => score > 0 && score <= 1)).toBe(true);
  });
});

describe('createDetector', () => {
  it.each([
    ['mtcnn', { minFaceSize: 0 }, /minFaceSize.*at least 1; got 0/],
    ['mtcnn', { factor: 1 }, /factor.*less than 1; got 1/],
    ['mtcnn', { thresholds: [0.6, 0.7, 7] }, /thresholds.*0 to 1; got 0.6, 0.7, 7/],
    ['mtcnn', { overlaps: [-1, 0.7, 0.7, 0.7] }, /overlaps/],
    ['mtcnn', { batchSize: 1.5 }, /batchSize.*whole number/],
    ['blazeface', { threshold: Number.NaN }, /threshold.*0 to 1; got NaN/],
    ['blazeface', { overlap: 2 }, /overlap.*0 to 1; got 2/],
  ] satisfies [DetectorName, DetectorSettings<DetectorName>, RegExp][])('of %s refuses %o', async (name, settings, message) => {
    await expect(createDetector(name, settings)).rejects.toMatchObject({
      code: 'USAGE',
      message: expect.stringMatching(message),
    });
  });

  it('finds fewer, larger faces with a larger minFaceSize, and the same ones with another batch size', async () => {
    const five = await decodePicture(photoPath('five.jpg'));
    const [usual, large, single] = await Promise.all([
      createDetector('mtcnn'),
      createDetector('mtcnn', { minFaceSize: 400 }),
      createDetector('mtcnn', { batchSize: 7, minFaceSize: 60 }),
    ]);
    const inBatches = await single.detect(five);
    await single.close();
    const atOnce = await createDetector('mtcnn', { batchSize: 512, minFaceSize: 60 });
    const faces = await atOnce.detect(five);
    expect(inBatches.map(({ box }) => box)).toHaveLength(faces.length);
    for (const [i, { box, score }] of faces.entries()) {
      expect(inBatches[i]?.score).toBeCloseTo(score, 5);
      expect(inBatches[i]?.box.left).toBeCloseTo(box.left, 2);
    }
    expect((await usual.detect(five)).length).toBe(5);
    expect((await large.detect(five)).length).toBeLessThan(5);
    await Promise.all([usual.close(), large.close(), atOnce.close()]);
  });
});

describe('the networks', () => {
  it('are those that THIRD_PARTY.md names by their SHA-256', () => {
    const page = readFileSync(packagePath('THIRD_PARTY.md'), 'utf8');
    const files = readdirSync(packagePath('models')).filter((file) => file.endsWith('.onnx'));
    expect(files).toHaveLength(5);
    for (const file of files) {
      const digest = createHash('sha256')
        .update(readFileSync(packagePath('models', file)))
        .digest('hex');
      expect(page).toContain(`\`models/${file}\`, SHA-256 \`${digest}\``);
    }
  });
});
