import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodePicture } from '#uafer/codec/decode.js';
import { type TransformOptions, writeTensor } from '#uafer/data/augment.js';
import { preprocessingFor } from '#uafer/data/datasets.js';
import type { Picture } from '#uafer/image/picture.js';
import { toSquare } from '#uafer/image/preprocess.js';
import { resizePicture } from '#uafer/image/resize.js';
import { createRandom } from '#uafer/random.js';
import { testPixels } from '../support/pictures.js';
import { readSafetensors } from '../support/safetensors.js';

const fixture = (name: string) => new URL(`../fixtures/${name}`, import.meta.url);
const expected = readSafetensors(fixture('transforms.safetensors'));
const random = createRandom({ seed: 0, epoch: 0, stream: 0, position: 0 });
const transform: TransformOptions = { ...preprocessingFor('rafdb', 224), centerCrop: false, augment: 'none' };

async function transformed(file: string, options: TransformOptions): Promise<Float32Array> {
  const pixels = toSquare(await decodePicture(fixture(file).pathname), options, file);
  const out = new Float32Array(3 * options.imageSize ** 2);
  writeTensor(pixels, options, random, out);
  return out;
}

function largestDifference(a: ArrayLike<number>, b: ArrayLike<number>): number {
  expect(a.length).toBe(b.length);
  return Array.from(a, (value, i) => Math.abs(value - (b[i] as number))).reduce((most, one) => Math.max(most, one), 0);
}

describe("the original's test transforms", () => {
  it('gives the same numbers for AffectNet (bilinear, aspect not kept)', async () => {
    for (const name of ['img_224', 'img_100x120']) {
      const got = await transformed(`${name}.png`, { ...transform, resize: 'square-bilinear' });
      expect(largestDifference(got, expected[`affectnet_test_${name}`]?.data ?? [])).toBeLessThan(1e-6);
    }
  });

  it('gives the same numbers for a square picture of RAF-DB', async () => {
    expect(
      largestDifference(await transformed('img_224.png', transform), expected.rafdb_test_img_224?.data ?? []),
    ).toBeLessThan(1e-6);
  });

  it('gives the same numbers for an oblong one (bicubic, aspect kept), of which the centre crop takes the middle rows', async () => {
    const stored = expected.rafdb_test_img_100x120;
    expect(stored?.shape).toEqual([3, 268, 224]);
    const middle = [0, 1, 2].flatMap((channel) => {
      const start = (channel * 268 + 22) * 224;
      return Array.from(stored?.data.subarray(start, start + 224 * 224) ?? []);
    });
    expect(largestDifference(await transformed('img_100x120.png', { ...transform, centerCrop: true }), middle)).toBeLessThan(
      1e-6,
    );
  });

  it('refuses the oblong one without centre crop, and says what to do', async () => {
    await expect(transformed('img_100x120.png', transform)).rejects.toMatchObject({
      code: 'DATA',
      message: expect.stringMatching(/img_100x120\.png is 100 x 120.*--center-crop/),
    });
  });
});

/** Pillow's resampling as its documentation and source state it, one output value after the other. */
function plain({ data, width, height }: Picture, toWidth: number, toHeight: number, filter: 'bilinear' | 'bicubic'): number[] {
  const support = filter === 'bilinear' ? 1 : 2;
  const weight = (signed: number) => {
    const x = Math.abs(signed);
    if (filter === 'bilinear') return Math.max(0, 1 - x);
    return x < 1 ? (1.5 * x - 2.5) * x * x + 1 : x < 2 ? ((x - 5) * x + 8) * x * -0.5 + 2 : 0;
  };
  const along = (length: number, to: number, value: (at: number) => number) =>
    Array.from({ length: to }, (_, i) => {
      const scale = length / to;
      const wide = Math.max(1, scale);
      const middle = (i + 0.5) * scale;
      const from = Math.max(0, Math.trunc(middle - support * wide + 0.5));
      const end = Math.min(length, Math.trunc(middle + support * wide + 0.5));
      const places = Array.from({ length: end - from }, (_, k) => from + k);
      const weights = places.map((place) => weight((place - middle + 0.5) / wide));
      const total = weights.reduce((sum, one) => sum + one, 0);
      const fixed = weights.map((one) => Math.trunc((one / total) * 2 ** 22 + Math.sign(one) * 0.5));
      const sum = places.reduce((all, place, k) => all + value(place) * (fixed[k] as number), 2 ** 21);
      return Math.min(255, Math.max(0, Math.floor(sum / 2 ** 22)));
    });
  const channels = [0, 1, 2].map((channel) => {
    const rows = Array.from({ length: height }, (_, y) =>
      along(width, toWidth, (x) => data[(y * width + x) * 3 + channel] as number),
    );
    return Array.from({ length: toWidth }, (_, x) => along(height, toHeight, (y) => rows[y]?.[x] as number));
  });
  return Array.from({ length: toWidth * toHeight * 3 }, (_, i) => {
    const pixel = Math.floor(i / 3);
    return channels[i % 3]?.[pixel % toWidth]?.[Math.floor(pixel / toWidth)] as number;
  });
}

describe('resizePicture', () => {
  const side = fc.integer({ min: 1, max: 40 });
  const filter = fc.constantFrom('bilinear' as const, 'bicubic' as const);

  it('keeps a constant picture constant', () => {
    fc.assert(
      fc.property(
        side,
        side,
        side,
        side,
        filter,
        fc.integer({ min: 0, max: 255 }),
        (width, height, toWidth, toHeight, kernel, value) => {
          const data = new Uint8Array(width * height * 3).fill(value);
          const resized = resizePicture({ data, width, height }, toWidth, toHeight, kernel);
          expect(resized).toEqual({
            data: new Uint8Array(toWidth * toHeight * 3).fill(value),
            width: toWidth,
            height: toHeight,
          });
        },
      ),
    );
  });

  it("is Pillow's resampling, larger and smaller, byte for byte", () => {
    fc.assert(
      fc.property(fc.nat(99), side, side, side, side, filter, (seed, width, height, toWidth, toHeight, kernel) => {
        const picture = { data: testPixels(width, height, seed), width, height };
        const resized = resizePicture(picture, toWidth, toHeight, kernel);
        expect([...resized.data]).toEqual(plain(picture, toWidth, toHeight, kernel));
      }),
      { numRuns: 200 },
    );
  });

  it('resizes a picture on a black canvas as a picture with black around it', () => {
    fc.assert(
      fc.property(
        fc.tuple(side, side, side, side),
        fc.tuple(side, side),
        filter,
        ([left, top, right, bottom], size, kernel) => {
          const [width, height] = [5, 7];
          const data = testPixels(width, height, 2);
          const canvas = { left, top, width: left + width + right, height: top + height + bottom };
          const framed = { data: new Uint8Array(canvas.width * canvas.height * 3), width: canvas.width, height: canvas.height };
          for (let y = 0; y < height; y++) {
            framed.data.set(data.subarray(y * width * 3, (y + 1) * width * 3), ((y + top) * canvas.width + left) * 3);
          }
          const resized = resizePicture({ data, width, height }, ...size, kernel, canvas);
          expect(resized).toEqual(resizePicture(framed, ...size, kernel));
        },
      ),
    );
  });

  it('resizes a picture of more bytes than are copied at once', () => {
    const [width, height] = [1200, 900];
    const large = { data: testPixels(width, height, 4), width, height };
    const [rows, all] = [resizePicture(large, 40, height, 'bicubic'), resizePicture(large, 40, 30, 'bicubic')];
    expect(all).toEqual(resizePicture(rows, 40, 30, 'bicubic'));
    const last = large.data.subarray(-width * 3);
    expect(rows.data.subarray(-40 * 3)).toEqual(resizePicture({ data: last, width, height: 1 }, 40, 1, 'bicubic').data);
  });

  it('leaves a picture of that size as it is', () => {
    fc.assert(
      fc.property(side, side, filter, (width, height, kernel) => {
        const data = testPixels(width, height, 1);
        expect(resizePicture({ data, width, height }, width, height, kernel).data).toEqual(data);
      }),
    );
  });

  it('stays within the range of the source when bilinear', () => {
    fc.assert(
      fc.property(
        side,
        side,
        fc.array(fc.integer({ min: 60, max: 90 }), { minLength: 12, maxLength: 12 }),
        (toWidth, toHeight, values) => {
          const { data } = resizePicture({ data: Uint8Array.from(values), width: 2, height: 2 }, toWidth, toHeight, 'bilinear');
          expect(Math.min(...data)).toBeGreaterThanOrEqual(Math.min(...values));
          expect(Math.max(...data)).toBeLessThanOrEqual(Math.max(...values));
        },
      ),
    );
  });

  it('limits the overshoot of the bicubic kernel to a byte', () => {
    const edge = Uint8Array.from({ length: 8 * 3 }, (_, i) => (i < 12 ? 0 : 255));
    const { data } = resizePicture({ data: edge, width: 8, height: 1 }, 32, 1, 'bicubic');
    expect([data[0], data[3 * 13], data[3 * 18], data[3 * 31]]).toEqual([0, 0, 255, 255]);
  });
});
