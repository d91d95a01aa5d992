import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Augmentation, drawChanges, type TransformOptions, writeTensor } from '#uafer/data/augment.js';
import { preprocessingFor } from '#uafer/data/datasets.js';
import { noGrad, scope } from '#uafer/engine/index.js';
import { createRandom } from '#uafer/random.js';
import { makesPictures, picturesOf } from '#uafer/task/pictures.js';
import { testPixels } from '../support/pictures.js';

type SaidAhead = Extract<Augmentation, 'none' | 'flip' | 'affectnet'>;

/** Pictures of a batch as the processor makes them, and as the operators of a device do: here of the processor too. */
function bothWays(augment: SaidAhead, size: number, count: number, seed: number): [host: Float32Array, device: Float32Array] {
  const options: TransformOptions = { ...preprocessingFor('affectnet', size), centerCrop: false, augment };
  const length = 3 * size * size;
  const host = new Float32Array(count * length);
  const pixels = new Uint8Array(count * length);
  const random = (position: number) => createRandom({ seed, epoch: 1, stream: 0, position });
  for (let i = 0; i < count; i++) {
    const own = testPixels(size, size, seed + i);
    pixels.set(own, i * length);
    writeTensor(own, options, random(i), host.subarray(i * length, (i + 1) * length));
  }
  const changes = Array.from({ length: count }, (_, i) => drawChanges(augment, size, random(i)));
  const { mean, deviation } = options;
  const batch = {
    images: new Float32Array(),
    bytes: { pixels, changes, mean, deviation },
    shape: [count, 3, size, size] as const,
  };
  const device = noGrad(() =>
    scope(() => {
      const images = picturesOf(batch, 'cpu');
      expect(images.shape).toEqual([count, 3, size, size]);
      return Float32Array.from(images.data() as Float32Array);
    }),
  );
  return [host, device];
}

/** Equal bit by bit, except that zeros are equal whatever their sign. */
function expectSame([host, device]: [Float32Array, Float32Array]): void {
  expect(device).toHaveLength(host.length);
  expect(host.findIndex((value, i) => value !== device[i])).toBe(-1);
}

describe('pictures made of bytes are those that the processor makes, bit by bit', () => {
  it.each(['none', 'flip', 'affectnet'] as const)('%s, at 224', (augment) => {
    expectSame(bothWays(augment, 224, 12, 5));
  });

  it('for any seed, size and number', () => {
    fc.assert(
      fc.property(
        fc.constantFrom('none', 'flip', 'affectnet'),
        fc.integer({ min: 1, max: 40 }),
        fc.integer({ min: 1, max: 6 }),
        fc.nat(),
        (augment, size, count, seed) => {
          expectSame(bothWays(augment, size, count, seed));
        },
      ),
      { numRuns: 60 },
    );
  });
});

it('images that are there are taken as they are', () => {
  const images = Float32Array.from({ length: 12 }, (_, i) => i);
  expect(picturesOf({ images, shape: [1, 3, 2, 2] }, 'cpu').data()).toEqual(images);
});

it('the processor has them made ahead of the step, GPUs make them themselves', () => {
  expect(['cpu', 'cuda', 'cuda:1', 'mps'].map(makesPictures)).toEqual([false, true, true, true]);
});
