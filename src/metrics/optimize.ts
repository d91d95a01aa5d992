/** Minima of smooth functions of few variables: the same numbers give the same result to the last bit. */
import { UaferError } from '../errors.js';

/** A function at a point of d variables. */
export interface Curvature {
  value: number;
  /** (d). */
  gradient: Float64Array;
  /** (d, d), row-major, positive definite. */
  hessian: Float64Array;
}

const MAX_STEPS = 200;
const MAX_HALVINGS = 60;
/** Share of the first-order decrease that a step must bring (Armijo 1966). */
const SUFFICIENT = 1e-4;

/**
 * The minimum of a strictly convex function by Newton's method with halved steps, until no step lowers it any more: to the precision of
 * the numbers.
 *
 * @throws UaferError `DIVERGED` when the function is not finite where it starts, or not convex
 */
export function minimizeConvex(start: ArrayLike<number>, at: (point: Float64Array) => Curvature): Float64Array {
  let point: Float64Array = Float64Array.from(start);
  let here = at(point);
  for (let step = 0; step < MAX_STEPS; step++) {
    const direction = solvePositive(here.hessian, here.gradient);
    const slope = -dot(here.gradient, direction);
    const next = lower(point, here.value, direction, slope, at);
    if (!next) return point;
    ({ point, here } = next);
  }
  throw new UaferError(
    'DIVERGED',
    `No minimum was found in ${MAX_STEPS} steps: the values to fit are broken or far too large.`,
  );
}

/** The first of the steps 1, 1/2, 1/4, ... against `direction` that lowers the function enough; null when none does. */
function lower(
  point: Float64Array,
  value: number,
  direction: Float64Array,
  slope: number,
  at: (point: Float64Array) => Curvature,
): { point: Float64Array; here: Curvature } | null {
  for (let halving = 0, length = 1; halving < MAX_HALVINGS; halving++, length /= 2) {
    const there = point.map((x, i) => x - length * (direction[i] as number));
    const here = at(there);
    if (here.value < value && here.value <= value + SUFFICIENT * length * slope) return { point: there, here };
  }
  return null;
}

/** Solves A x = b for a symmetric positive definite A (d, d) by Cholesky's factorisation. Throws `DIVERGED` for any other A. */
export function solvePositive(matrix: Float64Array, b: Float64Array): Float64Array {
  const size = b.length;
  const factor = cholesky(matrix, size);
  const x = Float64Array.from(b);
  for (let i = 0; i < size; i++) {
    for (let j = 0; j < i; j++) x[i] = (x[i] as number) - (factor[i * size + j] as number) * (x[j] as number);
    x[i] = (x[i] as number) / (factor[i * size + i] as number);
  }
  for (let i = size - 1; i >= 0; i--) {
    for (let j = i + 1; j < size; j++) x[i] = (x[i] as number) - (factor[j * size + i] as number) * (x[j] as number);
    x[i] = (x[i] as number) / (factor[i * size + i] as number);
  }
  return x;
}

/** The lower triangle L with L L^T = A. */
function cholesky(matrix: Float64Array, size: number): Float64Array {
  const factor = new Float64Array(size * size);
  for (let i = 0; i < size; i++) {
    for (let j = 0; j <= i; j++) {
      let rest = matrix[i * size + j] as number;
      for (let k = 0; k < j; k++) rest -= (factor[i * size + k] as number) * (factor[j * size + k] as number);
      if (i === j && !(rest > 0 && rest < Number.POSITIVE_INFINITY)) {
        throw new UaferError(
          'DIVERGED',
          'A fit has no single minimum: the values to fit are broken, or nothing holds a weight.',
        );
      }
      factor[i * size + j] = i === j ? Math.sqrt(rest) : rest / (factor[j * size + j] as number);
    }
  }
  return factor;
}

const GRID = 64;
const GOLDEN = (Math.sqrt(5) - 1) / 2;
/** Narrower than the square root of the numbers' precision a minimum cannot be seen. */
const WIDTH = 1e-9;

/** Where a function of one variable is smallest in [low, high]: the best of a grid, then by golden sections around it. */
export function minimizeOnLine(of: (x: number) => number, low: number, high: number): number {
  const place = (i: number) => low + (i / GRID) * (high - low);
  let best = 0;
  let smallest = Number.POSITIVE_INFINITY;
  for (let i = 0; i <= GRID; i++) {
    const value = of(place(i));
    if (value < smallest) [best, smallest] = [i, value];
  }
  let [left, right] = [place(Math.max(0, best - 1)), place(Math.min(GRID, best + 1))];
  let [inner, outer] = [right - GOLDEN * (right - left), left + GOLDEN * (right - left)];
  let [atInner, atOuter] = [of(inner), of(outer)];
  while (right - left > WIDTH) {
    if (atInner <= atOuter) {
      [right, outer, atOuter] = [outer, inner, atInner];
      inner = right - GOLDEN * (right - left);
      atInner = of(inner);
    } else {
      [left, inner, atInner] = [inner, outer, atOuter];
      outer = left + GOLDEN * (right - left);
      atOuter = of(outer);
    }
  }
  return (left + right) / 2;
}

function dot(a: Float64Array, b: Float64Array): number {
  return a.reduce((total, x, i) => total + x * (b[i] as number), 0);
}
