import fc from 'fast-check';
import { expect, it } from 'vitest';
import { principalPlane } from '#uafer/evaluate/plane.js';

const plane = (points: readonly (readonly number[])[]) =>
  principalPlane({ rows: points.map((_, i) => 2 * i), values: Float32Array.from(points.flat()) });

it('finds the axes on which points are spread most, the largest coefficient of each positive', () => {
  // Spread 3 along (0, 1, 0) and 1 along (0, 0, 1), about the mean (5, 5, 5).
  const found = plane([
    [5, 8, 5],
    [5, 2, 5],
    [5, 5, 6],
    [5, 5, 4],
  ]);
  expect(found?.points).toEqual([
    [0, 3, 0],
    [2, -3, 0],
    [4, 0, 1],
    [6, 0, -1],
  ]);
  // Variances 18 and 2 of 20.
  expect(found?.explained[0]).toBeCloseTo(0.9, 12);
  expect(found?.explained[1]).toBeCloseTo(0.1, 12);
});

it('keeps all distances of points that lie on a plane, however it is turned', () => {
  const place = fc.tuple(fc.double({ min: -9, max: 9, noNaN: true }), fc.double({ min: -9, max: 9, noNaN: true }));
  fc.assert(
    fc.property(fc.array(place, { minLength: 3, maxLength: 20 }), (places) => {
      // Orthonormal axes of a plane in four dimensions.
      const [u, v] = [
        [0.5, 0.5, 0.5, 0.5],
        [0.5, -0.5, 0.5, -0.5],
      ];
      const points = places.map(([a, b]) => [0, 1, 2, 3].map((k) => 3 + a * (u[k] as number) + b * (v[k] as number)));
      const found = plane(points);
      if (!found) return;
      const distance = (a: readonly number[], b: readonly number[]) => Math.hypot(...a.map((x, k) => x - (b[k] as number)));
      for (let i = 1; i < places.length; i++) {
        const [here, there] = [found.points[0]?.slice(1) ?? [], found.points[i]?.slice(1) ?? []];
        // Coordinates of up to 26 are kept to four digits, so each may be 0.005 off, and a distance four times that.
        expect(Math.abs(distance(here, there) - distance(places[0] as number[], places[i] as number[]))).toBeLessThan(0.02);
      }
    }),
  );
});

it('is the same for the same features, and the shares are parts of a whole', () => {
  const points = Array.from({ length: 50 }, (_, i) => Array.from({ length: 8 }, (_, k) => Math.sin(1 + i * (k + 2))));
  expect(plane(points)).toEqual(plane(points));
  const [first, second] = plane(points)?.explained ?? [0, 0];
  expect(first).toBeGreaterThanOrEqual(second);
  expect(first + second).toBeLessThanOrEqual(1);
});

it('there is none of fewer than three pictures, nor of features that are all the same', () => {
  expect(
    plane([
      [1, 2],
      [3, 4],
    ]),
  ).toBeNull();
  expect(
    plane([
      [1, 2],
      [1, 2],
      [1, 2],
    ]),
  ).toBeNull();
});

it('features of one dimension lie on a line', () => {
  expect(plane([[1], [2], [6]])?.points).toEqual([
    [0, -2, 0],
    [2, -1, 0],
    [4, 3, 0],
  ]);
});
