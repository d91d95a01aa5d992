import type { Point } from './types.js';

/** x' = a x - b y + dx, y' = b x + a y + dy: scale sqrt(a^2 + b^2), rotation atan2(b, a), no reflection. */
export interface Similarity {
  a: number;
  b: number;
  dx: number;
  dy: number;
}

/**
 * The similarity transform that brings `from` nearest to `to`, in the least squares of the distances (Umeyama 1991, in the plane,
 * where without reflection it has a closed form: with centred points as complex numbers z and w, a + ib = sum conj(z) w / sum |z|^2).
 * Null when `from` has fewer than two different points.
 *
 * @param from points, at least two
 * @param to as many points, in the same order
 */
export function estimateSimilarity(from: readonly Point[], to: readonly Point[]): Similarity | null {
  const [fromMean, toMean] = [mean(from), mean(to)];
  let [real, imaginary, spread] = [0, 0, 0];
  from.forEach((point, i) => {
    const [zx, zy] = [point.x - fromMean.x, point.y - fromMean.y];
    const target = to[i] as Point;
    const [wx, wy] = [target.x - toMean.x, target.y - toMean.y];
    real += zx * wx + zy * wy;
    imaginary += zx * wy - zy * wx;
    spread += zx * zx + zy * zy;
  });
  const [a, b] = [real / spread, imaginary / spread];
  // Landmarks that lie on one spot, or mirrored so that no rotation is better than another, say nothing of scale.
  if (!Number.isFinite(a) || !Number.isFinite(b) || a * a + b * b === 0) return null;
  return { a, b, dx: toMean.x - a * fromMean.x + b * fromMean.y, dy: toMean.y - b * fromMean.x - a * fromMean.y };
}

export function applySimilarity({ a, b, dx, dy }: Similarity, { x, y }: Point): Point {
  return { x: a * x - b * y + dx, y: b * x + a * y + dy };
}

/** The transform that undoes this one. */
export function invertSimilarity({ a, b, dx, dy }: Similarity): Similarity {
  const square = a * a + b * b;
  const [ia, ib] = [a / square, -b / square];
  return { a: ia, b: ib, dx: -(ia * dx - ib * dy), dy: -(ib * dx + ia * dy) };
}

/** Length of a segment after the transform to its length before. */
export function scaleOf({ a, b }: Similarity): number {
  return Math.hypot(a, b);
}

function mean(points: readonly Point[]): Point {
  const sum = points.reduce((total, { x, y }) => ({ x: total.x + x, y: total.y + y }), { x: 0, y: 0 });
  return { x: sum.x / points.length, y: sum.y / points.length };
}
