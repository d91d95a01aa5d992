import fc from 'fast-check';
import { expect, it } from 'vitest';
import { digamma } from '#uafer/metrics/digamma.js';

const EULER = 0.5772156649015329;

it('has the values that are known in closed form', () => {
  expect(digamma(1)).toBeCloseTo(-EULER, 12);
  expect(digamma(0.5)).toBeCloseTo(-EULER - 2 * Math.LN2, 12);
  expect(digamma(10)).toBeCloseTo(2.251752589066721, 12);
});

it('follows its recurrence: psi(x + 1) = psi(x) + 1 / x', () => {
  fc.assert(
    fc.property(fc.double({ min: 1e-3, max: 1e6, noNaN: true }), (x) => {
      expect(Math.abs(digamma(x + 1) - digamma(x) - 1 / x)).toBeLessThan(1e-11 * Math.max(1, 1 / x));
    }),
  );
});
