import fc from 'fast-check';
import { expect, it } from 'vitest';
import { midranks, rankCorrelation, spearman } from '#uafer/metrics/correlation.js';
import { ranksOf } from '#uafer/metrics/levels.js';

const correlation = (x: readonly number[], y: readonly number[]) => spearman(ranksOf(x), ranksOf(y));

it('is 1 for any increasing relation, -1 for any decreasing one', () => {
  expect(correlation([1, 2, 3, 10], [0, 1, 100, 101])).toBeCloseTo(1, 12);
  expect(correlation([1, 2, 3, 10], [3, 2, 1, -50])).toBeCloseTo(-1, 12);
});

it('gives equal values the mean of their ranks', () => {
  // Ranks 1, 2.5, 2.5, 4 beside 1, 2, 3, 4: 4.5 / sqrt(4.5 * 5).
  expect(correlation([1, 2, 2, 3], [1, 2, 3, 4])).toBeCloseTo(4.5 / Math.sqrt(4.5 * 5), 12);
});

it('is undefined where one of the two is constant, or there is one picture', () => {
  expect(correlation([1, 1, 1], [1, 2, 3])).toBeNull();
  expect(correlation([1], [1])).toBeNull();
});

it('lies in [-1, 1], is symmetric, and keeps under increasing maps', () => {
  const pairs = fc.array(fc.tuple(fc.integer({ min: 0, max: 5 }), fc.integer({ min: 0, max: 5 })), { minLength: 2 });
  fc.assert(
    fc.property(pairs, (list) => {
      const [x, y] = [list.map(([a]) => a), list.map(([, b]) => b)];
      const found = correlation(x, y);
      expect(correlation(y, x)).toEqual(found);
      expect(
        correlation(
          x.map((a) => a ** 3 - 4),
          y,
        ),
      ).toEqual(found);
      if (found !== null) expect(Math.abs(found)).toBeLessThanOrEqual(1);
    }),
  );
});

it('of drawn pictures is that of a set in which they stand as often', () => {
  const [x, y] = [
    [5, 1, 4, 2],
    [1, 3, 2, 2],
  ];
  const drawn = Int32Array.of(0, 0, 1, 3, 2, 2);
  const of = (values: readonly number[]) => [...drawn].map((i) => values[i] as number);
  expect(rankCorrelation(midranks(ranksOf(x), drawn), midranks(ranksOf(y), drawn))).toBeCloseTo(
    correlation(of(x), of(y)) as number,
    12,
  );
});
