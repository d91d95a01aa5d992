import fc from 'fast-check';
import { expect, it } from 'vitest';
import { minimizeConvex, minimizeOnLine, solvePositive } from '#uafer/metrics/optimize.js';

it('solves a positive definite system', () => {
  // A = M M^T + 1.
  const entries = fc.array(fc.double({ min: -3, max: 3, noNaN: true }), { minLength: 9, maxLength: 9 });
  const solutions = fc.array(fc.double({ min: -3, max: 3, noNaN: true }), { minLength: 3, maxLength: 3 });
  fc.assert(
    fc.property(entries, solutions, (m, x) => {
      const at = (i: number, j: number) => m[3 * i + j] as number;
      const product = (i: number, j: number) =>
        at(i, 0) * at(j, 0) + at(i, 1) * at(j, 1) + at(i, 2) * at(j, 2) + (i === j ? 1 : 0);
      const matrix = Float64Array.from({ length: 9 }, (_, k) => product(Math.floor(k / 3), k % 3));
      const b = Float64Array.from({ length: 3 }, (_, i) => x.reduce((sum, each, j) => sum + product(i, j) * each, 0));
      for (const [i, found] of solvePositive(matrix, b).entries()) expect(found).toBeCloseTo(x[i] as number, 8);
    }),
  );
});

it('refuses a system that is not positive definite', () => {
  expect(() => solvePositive(Float64Array.of(1, 2, 2, 1), Float64Array.of(1, 1))).toThrow(/no single minimum/);
  expect(() => solvePositive(Float64Array.of(Number.NaN), Float64Array.of(1))).toThrow(/no single minimum/);
});

it('finds the minimum of a convex function whose Newton steps are too long', () => {
  // sqrt(1 + x^2): from 3 a whole Newton step goes to -27.
  const [x] = minimizeConvex([3], ([x = 0]) => {
    const root = Math.sqrt(1 + x * x);
    return { value: root, gradient: Float64Array.of(x / root), hessian: Float64Array.of(1 / root ** 3) };
  });
  expect(x).toBeCloseTo(0, 7);
});

it('finds the lowest minimum of a line that has several', () => {
  expect(minimizeOnLine((x) => Math.cos(x) + x / 20, -10, 10)).toBeCloseTo(-3 * Math.PI - Math.asin(1 / 20), 6);
  expect(minimizeOnLine((x) => x, -1, 4)).toBeCloseTo(-1, 8);
  expect(minimizeOnLine((x) => -x, -1, 4)).toBeCloseTo(4, 8);
});
