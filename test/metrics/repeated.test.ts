import fc from 'fast-check';
import { expect, it } from 'vitest';
import { meanInterval, spread, studentQuantile } from '#uafer/metrics/repeated.js';
import { createRandom } from '#uafer/random.js';

it('mean and deviation are those of the values that are defined', () => {
  expect(spread([1, null, 3, 5])).toEqual({ mean: 3, deviation: 2, count: 3 });
  expect(spread([0.5])).toEqual({ mean: 0.5, deviation: null, count: 1 });
  expect(spread([null])).toEqual({ mean: null, deviation: null, count: 0 });
});

it("Student's quantile is the closed form of one and of two degrees of freedom, and the normal one in the end", () => {
  fc.assert(
    fc.property(fc.double({ min: 0.01, max: 0.999, noNaN: true }), (level) => {
      // The angle is found to the last bits; the tangent of one near a right angle has fewer of them.
      expect(studentQuantile(level, 1) / Math.tan((Math.PI / 2) * level)).toBeCloseTo(1, 9);
      expect(studentQuantile(level, 2) / (level * Math.sqrt(2 / (1 - level * level)))).toBeCloseTo(1, 9);
    }),
  );
  // From tables to their last digit (Abramowitz and Stegun 1964, table 26.10), and the normal distribution's 1.959964.
  for (const [degrees, value] of [
    [3, 3.182],
    [4, 2.776],
    [9, 2.262],
    [30, 2.042],
  ] as const)
    expect(studentQuantile(0.95, degrees)).toBeCloseTo(value, 3);
  expect(studentQuantile(0.95, 1_000_000)).toBeCloseTo(1.959964, 5);
  expect(() => studentQuantile(0.95, 0)).toThrow(/whole degrees of at least 1/);
});

it('the interval of few normal values holds their mean as often as it says', () => {
  const random = createRandom({ seed: 7, epoch: 0, stream: 0, position: 0 });
  const normal = () => Math.sqrt(-2 * Math.log(1 - random.next())) * Math.cos(2 * Math.PI * random.next());
  const trials = 4000;
  let held = 0;
  for (let trial = 0; trial < trials; trial++) {
    const [low, high] = meanInterval(spread([normal() + 2, normal() + 2, normal() + 2])) as [number, number];
    if (low <= 2 && 2 <= high) held++;
  }
  // Four standard errors of a share of 0.95 among 4000.
  expect(Math.abs(held / trials - 0.95)).toBeLessThan(4 * Math.sqrt((0.95 * 0.05) / trials));
  expect(meanInterval(spread([1]))).toBeNull();
  expect(meanInterval(spread([2, 2, 2]))).toEqual([2, 2]);
});
