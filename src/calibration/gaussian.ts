import { UaferError } from '../errors.js';
import { addTo, countOf, meanOf, packedWhitening, type Rows, scatterOf, timesPacked } from './linearAlgebra.js';

/** Where features lie: plain numbers. */
export interface Gaussian {
  /** (d). */
  mean: ArrayLike<number>;
  /** The inverse of the covariance's lower Cholesky factor, packed (`linearAlgebra.ts`). */
  whitening: ArrayLike<number>;
}

/** Added to the covariance's diagonal, in shares of its mean: directions without spread must not decide everything. */
const SHRINKAGE = 0.01;
const NOTHING = 1e-5;

/** Mean and covariance of rows, the covariance plus 0.01 tr / d of the unit matrix. Throws `DATA` for fewer than two rows. */
export function fitGaussian(rows: Rows): Gaussian {
  requireRows(rows);
  const mean = meanOf(rows);
  return {
    mean,
    whitening: whiteningOf(
      scatterOf(rows, () => mean),
      rows.width,
    ),
  };
}

/**
 * Whitens numbers of this covariance (d x d), which is shrunk first; it stays as it is.
 *
 * @param spread trace of a covariance beside which a hundred-thousandth is nothing: features that are all the same are told apart by no less
 */
export function whiteningOf(covariance: Float64Array, width: number, spread = 0): Float64Array {
  const shrunk = covariance.slice();
  const added = Math.max(SHRINKAGE * traceOf(covariance, width), NOTHING * spread, Number.EPSILON) / width;
  for (let j = 0; j < width; j++) shrunk[j * width + j] = (shrunk[j * width + j] as number) + added;
  return packedWhitening(shrunk, width);
}

export function traceOf(matrix: Float64Array, width: number): number {
  let trace = 0;
  for (let j = 0; j < width; j++) trace += matrix[j * width + j] as number;
  return trace;
}

/** (x - mean)^T covariance^-1 (x - mean). */
export function squaredMahalanobis(x: ArrayLike<number>, { mean, whitening }: Gaussian): number {
  const apart = Float64Array.from(x);
  addTo(apart, mean, -1);
  return squaredNorm(timesPacked(whitening, apart));
}

export function squaredNorm(x: ArrayLike<number>): number {
  let sum = 0;
  for (let j = 0; j < x.length; j++) sum += (x[j] as number) ** 2;
  return sum;
}

export function requireRows(rows: Rows): void {
  if (countOf(rows) < 2)
    throw new UaferError(
      'DATA',
      `Features of ${countOf(rows)} training pictures say nothing of others: expected two at least.`,
    );
}
