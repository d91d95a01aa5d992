import fc from 'fast-check';
import { expect, it } from 'vitest';
import { countLevels, forEachLevel, levelsOf, ranksOf, reversed, totals } from '#uafer/metrics/levels.js';

it('pictures are counted at each level of the score, smallest first', () => {
  const levels = levelsOf([0.5, -1, 0.5, 3], [true, false, false, true]);
  expect([...levels.values]).toEqual([-1, 0.5, 3]);
  expect([...levels.positive]).toEqual([0, 1, 1]);
  expect([...levels.negative]).toEqual([1, 1, 0]);
  expect(totals(levels)).toEqual({ positive: 2, negative: 2 });
});

it('drawn pictures count as often as they are drawn, and levels without one are passed over', () => {
  const ranks = ranksOf([10, 20, 30]);
  const levels = countLevels(ranks, [true, false, false], Int32Array.of(2, 0, 2));
  const told: number[][] = [];
  forEachLevel(levels, ({ value, positive, negative }) => told.push([value, positive, negative]));
  expect(told).toEqual([
    [10, 1, 0],
    [30, 0, 2],
  ]);
});

it('every value has its own level, and equal values one', () => {
  fc.assert(
    fc.property(fc.array(fc.double({ noNaN: true }), { minLength: 1 }), (scores) => {
      const { values, level } = ranksOf(scores);
      // Adding 0 makes one zero of two.
      expect([...level].map((at) => (values[at] as number) + 0)).toEqual(scores.map((score) => score + 0));
      expect([...values].map((value) => value + 0)).toEqual(
        [...new Set(scores.map((score) => score + 0))].toSorted((a, b) => a - b),
      );
    }),
  );
});

it('the opposite score has the levels in the opposite order', () => {
  const scores = [3, 1, 2, 2];
  const positive = [true, false, true, false];
  expect(reversed(levelsOf(scores, positive))).toEqual(
    levelsOf(
      scores.map((score) => -score),
      positive,
    ),
  );
});

it('a score that is not a number is named, as is an outcome too few', () => {
  expect(() => ranksOf([1, Number.NaN, 2])).toThrow(/score of picture 1 .*not a number/);
  expect(() => levelsOf([1, 2], [true])).toThrow(/2 scores stand beside 1 outcomes/);
});
