import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { placesInBatch, smallestBatch } from '#uafer/data/shard.js';

const shards = fc.record({
  length: fc.integer({ min: 0, max: 200 }),
  size: fc.integer({ min: 1, max: 20 }),
  pairs: fc.boolean(),
});

const all = (length: number, size: number, pairs: boolean) =>
  Array.from({ length: size }, (_, rank) => [...placesInBatch(length, { rank, size, pairs })]);

describe('placesInBatch', () => {
  it('gives each place to one process, ascending, and about as many to each', () => {
    fc.assert(
      fc.property(shards, ({ length, size, pairs }) => {
        const parts = all(length, size, pairs);
        expect(parts.flat().sort((a, b) => a - b)).toEqual(Array.from({ length }, (_, i) => i));
        for (const part of parts) expect(part).toEqual([...part].sort((a, b) => a - b));
        const lengths = parts.map((part) => part.length);
        expect(Math.max(...lengths) - Math.min(...lengths)).toBeLessThanOrEqual(pairs ? 3 : 1);
      }),
    );
  });

  it('keeps pairs together: turned round, a part is its pictures’ other halves', () => {
    fc.assert(
      fc.property(shards, ({ length, size }) => {
        for (const part of all(length, size, true)) expect(part.toReversed()).toEqual(part.map((place) => length - 1 - place));
      }),
    );
  });

  it('leaves no process without a picture from the smallest batch on', () => {
    fc.assert(
      fc.property(shards, ({ length, size, pairs }) => {
        const everyone = all(length, size, pairs).every((part) => part.length > 0);
        expect(everyone).toBe(length >= smallestBatch({ size, pairs }));
      }),
    );
  });

  it('of 7 pictures and 3 processes', () => {
    expect(all(7, 3, false)).toEqual([
      [0, 1],
      [2, 3],
      [4, 5, 6],
    ]);
    expect(all(7, 3, true)).toEqual([
      [0, 6],
      [1, 5],
      [2, 3, 4],
    ]);
  });
});
