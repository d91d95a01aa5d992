/** What the corruptions do, worked out by hand, and JPEG beside libjpeg. */
import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import { decodePicture } from '#uafer/codec/decode.js';
import { gaussianBlur, motionBlur } from '#uafer/corruptions/blur.js';
import { lowResolution, rotation } from '#uafer/corruptions/geometry.js';
import { jpeg } from '#uafer/corruptions/jpeg.js';
import { colourCast, exposure, lowContrast } from '#uafer/corruptions/light.js';
import { gaussianNoise } from '#uafer/corruptions/noise.js';
import { occludedBlock, occludedEyes, occludedMouth } from '#uafer/corruptions/occlusion.js';
import type { Picture } from '#uafer/image/picture.js';
import { greyed } from '#uafer/image/preprocess.js';
import { resizePicture } from '#uafer/image/resize.js';
import { createRandom, type Random } from '#uafer/random.js';
import { exampleFaces } from '../support/exampleFaces.js';
import { testPixels } from '../support/pictures.js';

/** A grey picture of a value at each place. */
function grey(width: number, height: number, of: (x: number, y: number) => number): Picture {
  const data = Uint8Array.from({ length: 3 * width * height }, (_, i) => {
    const pixel = Math.floor(i / 3);
    return of(pixel % width, Math.floor(pixel / width));
  });
  return { data, width, height };
}

const at = ({ data, width }: Picture, x: number, y: number): number => data[(y * width + x) * 3] as number;
/** Draws the given numbers in [0, 1), one after the other. */
function drawing(...numbers: number[]): Random {
  const next = () => numbers.shift() as number;
  return { next, uniform: (low, high) => low + (high - low) * next(), integer: (count) => Math.floor(next() * count) };
}
const random = (seed: number) => createRandom({ seed, epoch: 0, stream: 9, position: 0 });

describe('Gaussian blur', () => {
  it('spreads a line as the Gaussian says', () => {
    const sigma = 2;
    const line = grey(40, 40, (x) => (x === 20 ? 255 : 0));
    const blurred = gaussianBlur(line, sigma / 40);
    for (const distance of [0, 1, 2, 3, 5]) {
      const density = Math.exp(-0.5 * (distance / sigma) ** 2) / (sigma * Math.sqrt(2 * Math.PI));
      // Half a byte of rounding, and what the samples of a density differ from it.
      expect(Math.abs(at(blurred, 20 + distance, 7) - 255 * density)).toBeLessThan(0.6);
      expect(at(blurred, 20 - distance, 30)).toBe(at(blurred, 20 + distance, 30));
    }
  });
});

describe('motion blur', () => {
  it('along a line across an edge is a ramp of its length; along the edge it changes nothing', () => {
    const edge = grey(60, 60, (x) => (x < 30 ? 0 : 240));
    const across = motionBlur(edge, 0.2, drawing(0)); // 12 pixels, angle 0
    for (const x of [25, 27, 29, 32, 34]) expect(Math.abs(at(across, x, 30) - 240 * ((x - 29.5) / 12 + 0.5))).toBeLessThan(6);
    expect(at(across, 22, 30)).toBe(0);
    expect(at(across, 37, 30)).toBe(240);
    expect(motionBlur(edge, 0.2, drawing(0.5)).data).toEqual(edge.data); // a right angle
  });
});

describe('noise', () => {
  it('has the deviation that was asked for, the same in all channels, and no mean', () => {
    const noisy = gaussianNoise(
      grey(48, 48, () => 128),
      0.1,
      random(3),
    );
    const values = Array.from({ length: 48 * 48 }, (_, i) => noisy.data[3 * i] as number);
    const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
    const deviation = Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length);
    // Of 2,304 draws: four standard errors.
    expect(Math.abs(mean - 128)).toBeLessThan((4 * 25.5) / 48);
    expect(Math.abs(deviation - 25.5)).toBeLessThan((4 * 25.5) / (48 * Math.SQRT2));
    for (let i = 0; i < noisy.data.length; i += 3) expect(noisy.data[i + 1]).toBe(noisy.data[i]);
  });

  it('has grains of four pixels where a face has 192, and of a face of 24 each pixel has the mean of four', () => {
    const coarse = gaussianNoise(grey(192, 192, () => 128), 0.1, random(4)); // biome-ignore format: one line a size
    const fine = gaussianNoise(grey(48, 48, () => 128), 0.1, random(4)); // biome-ignore format: one line a size
    const less = gaussianNoise(grey(24, 24, () => 128), 0.1, random(4)); // biome-ignore format: one line a size
    for (const [x, y] of [
      [0, 0],
      [17, 3],
      [47, 47],
    ] as const) {
      // biome-ignore format: a table
      for (const [dx, dy] of [[0, 0], [3, 0], [1, 3]] as const) // biome-ignore format: a table
        expect(at(coarse, 4 * x + dx, 4 * y + dy)).toBe(at(fine, x, y));
    }
    const four = (at(fine, 10, 20) + at(fine, 11, 20) + at(fine, 10, 21) + at(fine, 11, 21)) / 4;
    expect(Math.abs(at(less, 5, 10) - four)).toBeLessThanOrEqual(1);
  });
});

describe('low resolution', () => {
  it('of a checkerboard of single pixels is grey; of no fewer pixels than there are it is the picture', () => {
    const board = grey(32, 32, (x, y) => ((x + y) % 2) * 255);
    const inner = lowResolution(board, 8);
    for (let i = 4; i < 28; i++) expect(Math.abs(at(inner, i, 16) - 127.5)).toBeLessThan(3);
    expect(lowResolution(board, 32)).toBe(board);
  });
});

describe('light', () => {
  const picture: Picture = { data: Uint8Array.of(10, 100, 200, 0, 128, 255), width: 2, height: 1 };

  it('is a multiplication, cut off at white', () => {
    expect([...exposure(picture, 0.5).data]).toEqual([5, 50, 100, 0, 64, 128]);
    expect([...exposure(picture, 2).data]).toEqual([20, 200, 255, 0, 255, 255]);
  });

  it('contrast shrinks about the mean luma', () => {
    // 0.299 r + 0.587 g + 0.114 b: 84.49 and 104.2.
    const mean = (84.49 + 104.206) / 2;
    const expected = [10, 100, 200, 0, 128, 255].map((value) => Math.round(mean + 0.5 * (value - mean)));
    expect([...lowContrast(picture, 0.5).data]).toEqual(expected);
  });

  it('of hue 0 there is more red, and less green and blue by half as much', () => {
    const pixels: Picture = { data: Uint8Array.of(10, 100, 200, 0, 130, 250), width: 2, height: 1 };
    expect([...colourCast(pixels, 0.2, drawing(0)).data]).toEqual([12, 90, 180, 0, 117, 225]);
  });
});

describe('rotation', () => {
  it('by a right angle moves each pixel to its place, to the side that is drawn', () => {
    const picture: Picture = { data: testPixels(9, 9, 3), width: 9, height: 9 };
    const clockwise = rotation(picture, 90, drawing(0.1));
    const other = rotation(picture, 90, drawing(0.9));
    for (let y = 0; y < 9; y++) {
      for (let x = 0; x < 9; x++) {
        expect(at(clockwise, 8 - y, x)).toBe(at(picture, x, y));
        expect(at(other, y, 8 - x)).toBe(at(picture, x, y));
      }
    }
  });
});

describe('covers', () => {
  const white = grey(96, 96, () => 255);
  const share = ({ data }: Picture) => data.reduce((sum, value) => sum + (255 - value) / 255, 0) / data.length;

  it('have the area that their width says, in the shade that is drawn', () => {
    expect(share(occludedEyes(white, 0.6, drawing(0)))).toBeCloseTo(0.6 * 0.2, 3);
    expect(share(occludedEyes(white, 0.6, drawing(0.5)))).toBeCloseTo((0.6 * 0.2) / 2, 3);
    expect(share(occludedMouth(white, 0.4, drawing(0)))).toBeCloseTo(0.4 * 0.2, 3);
    expect(share(occludedBlock(white, 0.3, drawing(0.7, 0.2, 0)))).toBeCloseTo(0.09, 3);
  });

  it('lie on the eyes and the mouth of an aligned face, and anywhere on it', () => {
    const eyes = occludedEyes(white, 0.6, drawing(0));
    for (const x of [0.31, 0.69]) expect(at(eyes, Math.round(96 * x), Math.round(96 * 0.4))).toBe(0);
    expect(at(eyes, 48, 67)).toBe(255);
    const mouth = occludedMouth(white, 0.4, drawing(0));
    expect(at(mouth, 48, Math.round(96 * 0.82))).toBe(0);
    expect(at(mouth, 48, Math.round(96 * 0.4))).toBe(255);
    expect(at(occludedBlock(white, 0.5, drawing(0.999, 0.999, 0)), 94, 94)).toBe(0);
    expect(at(occludedBlock(white, 0.5, drawing(0, 0, 0)), 0, 0)).toBe(0);
  });

  it('of an oblong picture lie on the square in its middle', () => {
    const oblong = grey(192, 96, () => 255);
    expect(at(occludedEyes(oblong, 0.6, drawing(0)), 96, Math.round(96 * 0.4))).toBe(0);
    expect(share(occludedEyes(oblong, 0.6, drawing(0)))).toBeCloseTo((0.6 * 0.2) / 2, 3);
  });
});

describe('JPEG', () => {
  it.each([5, 15, 40, 75, 95])('of a grey face of 96 pixels, quality %i, is what libjpeg makes of it', async (quality) => {
    const faces = exampleFaces().filter((_, i) => i % 24 === 0);
    for (const { path } of faces) {
      const face = resizePicture(await decodePicture(path), 96, 96, 'bicubic');
      const pixels = greyed(face.data);
      const raw = { raw: { width: 96, height: 96, channels: 3 } } as const;
      const file = await sharp(pixels, raw).greyscale().jpeg({ quality, mozjpeg: false }).toBuffer();
      const theirs = await sharp(file).greyscale().raw().toBuffer();
      const ours = jpeg({ ...face, data: pixels }, quality);
      const differences = Array.from(theirs, (value, i) => Math.abs(value - (ours.data[3 * i] as number)));
      // libjpeg's cosines are whole numbers: a coefficient at the middle of two steps may fall to the other one.
      expect(differences.reduce((sum, value) => sum + value, 0) / differences.length).toBeLessThan(0.5);
      expect(differences.filter((value) => value > 2).length / differences.length).toBeLessThan(0.03);
    }
  });

  it('takes most of the colour and leaves a flat picture as it is, but for a step', () => {
    const flat: Picture = {
      data: Uint8Array.from({ length: 48 * 48 * 3 }, (_, i) => [180, 120, 90][i % 3] as number),
      width: 48,
      height: 48,
    };
    for (const [i, value] of jpeg(flat, 40).data.entries()) expect(Math.abs(value - (flat.data[i] as number))).toBeLessThan(6);
  });
});
