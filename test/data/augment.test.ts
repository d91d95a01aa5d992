import { describe, expect, it } from 'vitest';
import { type TransformOptions, writeTensor } from '#uafer/data/augment.js';
import { preprocessingFor, transformFor } from '#uafer/data/datasets.js';
import { affineNearest, inverseAffine } from '#uafer/image/affine.js';
import { IMAGENET } from '#uafer/image/preprocess.js';
import { createRandom } from '#uafer/random.js';
import { testPixels } from '../support/pictures.js';

const SIZE = 48;
const PLANE = SIZE * SIZE;
const pixels = testPixels(SIZE, SIZE, 2);
const none: TransformOptions = { ...preprocessingFor('rafdb', SIZE), centerCrop: false, augment: 'none' };
const { mean: MEAN, deviation: DEVIATION } = IMAGENET;

function augmented(augment: TransformOptions['augment'], position: number, source = pixels): Float32Array {
  const out = new Float32Array(3 * PLANE);
  writeTensor(source, { ...none, augment }, createRandom({ seed: 11, epoch: 2, stream: 0, position }), out);
  return out;
}

const plain = augmented('none', 0);
const mirrored = Float32Array.from(plain, (_, i) => plain[i - (i % SIZE) + SIZE - 1 - (i % SIZE)] as number);
const many = (augment: TransformOptions['augment'], count: number, source?: Uint8Array) =>
  Array.from({ length: count }, (_, position) => augmented(augment, position, source));
/** Pictures with at least 16 values of exactly 0 in the first plane; a normalised byte never is 0. */
const erased = (pictures: readonly Float32Array[]) =>
  pictures.filter((values) => values.subarray(0, PLANE).filter((value) => value === 0).length >= 16);

describe('transformFor', () => {
  const choice = { centerCrop: false, train: true, augment: 'default' } as const;
  const of = (dataset: string) => ({ dataset, preprocessing: preprocessingFor(dataset, 224) });

  it("chooses the original's transforms by data set", () => {
    expect(transformFor({ ...choice, ...of('rafdb') })).toMatchObject({ resize: 'shorter-bicubic', augment: 'flip' });
    expect(transformFor({ ...choice, ...of('affectnet_8') })).toMatchObject({
      resize: 'square-bilinear',
      augment: 'affectnet',
    });
  });

  it('never augments test pictures', () => {
    for (const augment of ['default', 'strong'] as const)
      expect(transformFor({ ...choice, ...of('affectnet'), train: false, augment }).augment).toBe('none');
  });
});

describe('writeTensor', () => {
  it("normalises by ImageNet's mean and deviation, plane by plane", () => {
    for (const [channel, i] of [
      [0, 5],
      [1, 700],
      [2, PLANE - 1],
    ] as const) {
      const value = ((pixels[i * 3 + channel] as number) / 255 - MEAN[channel]) / DEVIATION[channel];
      expect(plain[channel * PLANE + i]).toBeCloseTo(value, 5);
    }
  });

  it('flips half of the pictures and changes nothing else', () => {
    const pictures = many('flip', 400);
    const flipped = pictures.filter((values) => values.every((value, i) => value === mirrored[i]));
    const kept = pictures.filter((values) => values.every((value, i) => value === plain[i]));
    expect(flipped.length + kept.length).toBe(400);
    expect(flipped.length).toBeGreaterThan(150);
    expect(kept.length).toBeGreaterThan(150);
  });

  it('is decided by the random key alone', () => {
    for (const augment of ['flip', 'affectnet', 'strong'] as const) {
      expect(augmented(augment, 3)).toEqual(augmented(augment, 3));
      expect(many(augment, 8).some((values) => values.join() !== augmented(augment, 0).join())).toBe(true);
    }
  });

  it('does not write to the picture, which is kept for later epochs', () => {
    const before = pixels.slice();
    for (const augment of ['flip', 'affectnet', 'strong'] as const) many(augment, 20);
    expect(pixels).toEqual(before);
  });

  it("erases in half of AffectNet's training pictures and in a quarter of the strong ones, within the stated areas", () => {
    for (const [augment, share, largest] of [
      ['affectnet', 0.5, 0.33],
      ['strong', 0.25, 0.2],
    ] as const) {
      const pictures = erased(many(augment, 400));
      expect(Math.abs(pictures.length / 400 - share)).toBeLessThan(0.08);
      const areas = pictures.map((values) => values.subarray(0, PLANE).filter((value) => value === 0).length / PLANE);
      expect(Math.max(...areas)).toBeLessThan(largest + 0.02);
      expect(Math.min(...areas)).toBeGreaterThan(0.02 - 0.005);
    }
  });

  it("moves AffectNet's training pictures in 7 of 10 cases", () => {
    const whole = many('affectnet', 300).filter((values) => !erased([values]).length);
    const moved = whole.filter((values) => values.join() !== plain.join() && values.join() !== mirrored.join());
    expect(Math.abs(moved.length / whole.length - 0.7)).toBeLessThan(0.1);
  });

  it('softens half of the pictures of `soft` as enlarged small faces are, and erases in a third', () => {
    // A chequered picture of 96 pixels: its detail is gone at 40 to 80 pixels. Smooth transforms alone keep most of it.
    const size = 96;
    const chequered = Uint8Array.from({ length: 3 * size * size }, (_, i) => {
      const pixel = Math.floor(i / 3);
      return ((pixel % size) + Math.floor(pixel / size)) % 2 === 0 ? 64 : 192;
    });
    const pictures = Array.from({ length: 300 }, (_, position) => {
      const out = new Float32Array(3 * size * size);
      const options = { ...none, imageSize: size, augment: 'soft' as const };
      writeTensor(chequered, options, createRandom({ seed: 3, epoch: 0, stream: 0, position }), out);
      return out.subarray(0, size * size);
    });
    const detail = (plane: Float32Array) =>
      plane.reduce((sum, value, i) => sum + Math.abs(value - (plane[i + 1] ?? value)), 0) / plane.length;
    const sharp = pictures.filter((plane) => detail(plane) > 0.15).length / pictures.length;
    expect(Math.abs(sharp - 0.5)).toBeLessThan(0.12);
    const gaps = pictures.filter((plane) => plane.filter((value) => value === 0).length >= 16).length / pictures.length;
    expect(Math.abs(gaps - 0.35)).toBeLessThan(0.1);
  });

  it('keeps a flat grey picture flat when strong, brighter or darker by a quarter at most', () => {
    const flat = new Uint8Array(PLANE * 3).fill(128);
    for (const values of many('strong', 40, flat).filter((one) => !erased([one]).length)) {
      const red = values.subarray(0, PLANE);
      const byte = ((red[0] as number) * DEVIATION[0] + MEAN[0]) * 255;
      expect(Math.max(...red) - Math.min(...red)).toBeLessThan(1e-4);
      expect(byte).toBeGreaterThan(128 * 0.75 - 0.1);
      expect(byte).toBeLessThan(128 * 1.25 + 0.1);
    }
  });
});

describe('affineNearest', () => {
  const at = (data: Uint8Array, x: number, y: number) => data[(y * SIZE + x) * 3];

  it('leaves the picture alone without rotation, shift and scale', () => {
    expect(affineNearest(pixels, SIZE, inverseAffine({ angle: 0, shift: [0, 0], scale: 1 }, SIZE))).toEqual(pixels);
  });

  it('shifts to the right and downwards, black outside', () => {
    const moved = affineNearest(pixels, SIZE, inverseAffine({ angle: 0, shift: [5, 3], scale: 1 }, SIZE));
    expect(at(moved, 25, 33)).toBe(at(pixels, 20, 30));
    expect([at(moved, 4, 20), at(moved, 20, 2)]).toEqual([0, 0]);
  });

  it('rotates clockwise about the middle', () => {
    const turned = affineNearest(pixels, SIZE, inverseAffine({ angle: 90, shift: [0, 0], scale: 1 }, SIZE));
    expect(at(turned, SIZE - 1 - 10, 20)).toBe(at(pixels, 20, 10));
  });

  it('scales about the middle', () => {
    const smaller = affineNearest(pixels, SIZE, inverseAffine({ angle: 0, shift: [0, 0], scale: 0.5 }, SIZE));
    expect(at(smaller, SIZE / 4 - 2, SIZE / 2)).toBe(0);
    expect(at(smaller, SIZE / 2, SIZE / 2)).toBe(at(pixels, SIZE / 2 + 1, SIZE / 2 + 1));
  });
});
