import { expect } from 'vitest';

/** Expects |actual - expected| <= absolute + relative |expected|, element by element. */
export function expectClose(
  actual: readonly number[],
  expected: readonly number[],
  { absolute, relative = 0 }: { absolute: number; relative?: number },
): void {
  expect(actual).toHaveLength(expected.length);
  const far = expected
    .map((value, i) => ({ i, actual: actual[i] as number, expected: value }))
    // Negated, so that NaN is far from everything.
    .filter((pair) => !(Math.abs(pair.actual - pair.expected) <= absolute + relative * Math.abs(pair.expected)));
  expect(far).toEqual([]);
}
