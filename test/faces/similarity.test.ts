import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { applySimilarity, estimateSimilarity, invertSimilarity, type Similarity, scaleOf } from '#uafer/faces/similarity.js';
import type { Point } from '#uafer/faces/types.js';

const number = (min: number, max: number) => fc.double({ min, max, noNaN: true });
const point = fc.record({ x: number(-100, 100), y: number(-100, 100) });
/** A rotation by any angle, a scale of 0.1 to 10, a shift. */
const similarity = fc
  .record({ angle: number(-Math.PI, Math.PI), scale: number(0.1, 10), dx: number(-500, 500), dy: number(-500, 500) })
  .map(({ angle, scale, dx, dy }): Similarity => ({ a: scale * Math.cos(angle), b: scale * Math.sin(angle), dx, dy }));
const spread = (points: Point[]) => Math.max(...points.flatMap((p) => points.map((q) => Math.hypot(p.x - q.x, p.y - q.y))));

const squared = (transform: Similarity, from: Point[], to: Point[]) =>
  from.reduce((sum, p, i) => {
    const { x, y } = applySimilarity(transform, p);
    return sum + (x - (to[i] as Point).x) ** 2 + (y - (to[i] as Point).y) ** 2;
  }, 0);

describe('estimateSimilarity', () => {
  it('finds the transform that made the points', () => {
    fc.assert(
      fc.property(similarity, fc.array(point, { minLength: 2, maxLength: 6 }), (made, from) => {
        fc.pre(spread(from) > 1);
        const found = estimateSimilarity(
          from,
          from.map((p) => applySimilarity(made, p)),
        ) as Similarity;
        for (const p of from) {
          const [wanted, got] = [applySimilarity(made, p), applySimilarity(found, p)];
          expect(Math.hypot(wanted.x - got.x, wanted.y - got.y)).toBeLessThan(1e-6);
        }
      }),
    );
  });

  it('leaves the least sum of squares: no small change of it does better', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(point, point), { minLength: 3, maxLength: 5 }), (pairs) => {
        const [from, to] = [pairs.map(([p]) => p), pairs.map(([, q]) => q)];
        fc.pre(spread(from) > 1);
        const best = estimateSimilarity(from, to);
        fc.pre(best !== null);
        const least = squared(best as Similarity, from, to);
        for (const key of ['a', 'b', 'dx', 'dy'] as const)
          for (const change of [-1e-3, 1e-3])
            expect(
              squared({ ...(best as Similarity), [key]: (best as Similarity)[key] + change }, from, to),
            ).toBeGreaterThanOrEqual(least - 1e-7 * (1 + least));
      }),
    );
  });

  it('of five points by hand: a quarter turn, twice the size', () => {
    const from = [
      { x: 0, y: 0 },
      { x: 1, y: 0 },
      { x: 0, y: 1 },
    ];
    const to = [
      { x: 5, y: 5 },
      { x: 5, y: 7 },
      { x: 3, y: 5 },
    ];
    const { a, b, dx, dy } = estimateSimilarity(from, to) as Similarity;
    expect([a, b, dx, dy].map((value) => Math.round(value * 1e9) / 1e9 + 0)).toEqual([0, 2, 5, 5]);
  });

  it('is null where the points say nothing of scale: none, one, or several on one spot', () => {
    const spot = { x: 3, y: 4 };
    for (const points of [[], [spot], [spot, spot, spot]]) expect(estimateSimilarity(points, points)).toBeNull();
  });
});

describe('invertSimilarity', () => {
  it('undoes the transform', () => {
    fc.assert(
      fc.property(similarity, point, (transform, p) => {
        const { x, y } = applySimilarity(invertSimilarity(transform), applySimilarity(transform, p));
        expect(Math.hypot(x - p.x, y - p.y)).toBeLessThan(1e-6);
        expect(scaleOf(transform) * scaleOf(invertSimilarity(transform))).toBeCloseTo(1, 9);
      }),
    );
  });
});
