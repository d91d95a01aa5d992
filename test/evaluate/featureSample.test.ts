import { expect, it } from 'vitest';
import { featureSampler } from '#uafer/evaluate/featureSample.js';

const batch = (first: number, count: number) => ({
  features: Float32Array.from({ length: 2 * count }, (_, i) => first + Math.floor(i / 2) + (i % 2) / 2),
});

it('keeps every feature of a small set, with the position of its picture', () => {
  const sampler = featureSampler(3);
  sampler.add(batch(0, 2), 2);
  sampler.add(batch(2, 1), 1);
  expect(sampler.taken()).toEqual({ rows: [0, 1, 2], values: Float32Array.of(0, 0.5, 1, 1.5, 2, 2.5) });
});

it('keeps at most 3000 of a large one, from all over it, whatever the batches', () => {
  const taken = [7, 100].map((size) => {
    const sampler = featureSampler(10_000);
    for (let at = 0; at < 10_000; at += size) sampler.add(batch(at, Math.min(size, 10_000 - at)), Math.min(size, 10_000 - at));
    return sampler.taken();
  });
  expect(taken[0]).toEqual(taken[1]);
  const rows = taken[0]?.rows ?? [];
  expect(rows).toHaveLength(2500);
  expect(rows.slice(0, 3)).toEqual([0, 4, 8]);
  expect(taken[0]?.values.filter((_, i) => i % 2 === 0)).toEqual(Float32Array.from(rows));
});

it('there is none of a network without features', () => {
  const sampler = featureSampler(4);
  sampler.add({}, 4);
  expect(sampler.taken()).toBeNull();
});
