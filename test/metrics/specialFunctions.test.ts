import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { digamma, logGamma, logRising } from '#uafer/metrics/specialFunctions.js';

/** Absolute or relative, whichever allows more. */
function expectNear(found: number, expected: number, tolerance = 1e-12): void {
  expect(Math.abs(found - expected)).toBeLessThanOrEqual(tolerance * Math.max(1, Math.abs(expected)));
}
/** From evidence that is next to nothing to more than any network gives. */
const positive = fc.double({ min: -4, max: 8, noNaN: true }).map((exponent) => 10 ** exponent);
const EULER = 0.577_215_664_901_532_9;

describe('digamma', () => {
  it.each([
    [1, -EULER],
    [2, 1 - EULER],
    [10, 7129 / 2520 - EULER],
    [0.5, -EULER - 2 * Math.LN2],
    [0.25, -EULER - Math.PI / 2 - 3 * Math.LN2],
  ])('of %d has its closed form', (x, expected) => expectNear(digamma(x), expected));

  it('grows by 1 / x from x to x + 1', () => {
    fc.assert(fc.property(positive, (x) => expectNear(digamma(x + 1), digamma(x) + 1 / x)));
  });

  it("doubles its argument by Legendre's rule", () => {
    fc.assert(fc.property(positive, (x) => expectNear(digamma(2 * x), (digamma(x) + digamma(x + 0.5)) / 2 + Math.LN2)));
  });
});

describe('log gamma', () => {
  it.each([
    [1, 0],
    [2, 0],
    [5, Math.log(24)],
    [0.5, Math.log(Math.PI) / 2],
    [21, Math.log(2_432_902_008_176_640_000)],
  ])('of %d has its closed form', (x, expected) => expectNear(logGamma(x), expected));

  it('grows by ln x from x to x + 1', () => {
    fc.assert(fc.property(positive, (x) => expectNear(logGamma(x + 1), logGamma(x) + Math.log(x))));
  });

  it('has the reflection of its argument in 1/2', () => {
    fc.assert(
      fc.property(fc.double({ min: 0.001, max: 0.999, noNaN: true }), (x) =>
        expectNear(logGamma(x) + logGamma(1 - x), Math.log(Math.PI / Math.sin(Math.PI * x))),
      ),
    );
  });
});

it('a rising factorial is a difference of two log gammas, and keeps the digits that those lose', () => {
  fc.assert(
    fc.property(fc.double({ min: 0.01, max: 100, noNaN: true }), fc.nat(100), (a, n) => {
      expectNear(logRising(a, n), logGamma(a + n) - logGamma(a), 1e-11);
    }),
  );
  expect(logRising(3, 0)).toBe(0);
  expect(logRising(1e12, 2)).toBeCloseTo(2 * Math.log(1e12), 10);
  expect(logRising(2.5, 1.5)).toBeCloseTo(logGamma(4) - logGamma(2.5), 12);
});

it.each([0, -1, Number.NaN, Number.POSITIVE_INFINITY])('none of them has a value at %d, which is said', (x) => {
  for (const of of [digamma, logGamma, (a: number) => logRising(a, 1)]) {
    expect(() => of(x)).toThrow(/expected a number above 0/);
  }
});
