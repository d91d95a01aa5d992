/** Small dense matrices in double precision, row by row. The same numbers give the same result to the last bit. */
import { UaferError } from '../errors.js';

/** Rows of equal length, one after the other. */
export interface Rows {
  values: Float32Array | Float64Array;
  /** Numbers a row. */
  width: number;
}

/** How many rows there are. */
export function countOf({ values, width }: Rows): number {
  return values.length / width;
}

export function rowOf({ values, width }: Rows, i: number): Float32Array | Float64Array {
  return values.subarray(i * width, (i + 1) * width);
}

export function meanOf(rows: Rows): Float64Array {
  const mean = new Float64Array(rows.width);
  const count = countOf(rows);
  for (let i = 0; i < count; i++) addTo(mean, rowOf(rows, i), 1);
  return mean.map((value) => value / count);
}

/** target += weight x */
export function addTo(target: Float64Array, x: ArrayLike<number>, weight: number): void {
  for (let j = 0; j < target.length; j++) target[j] = (target[j] as number) + weight * (x[j] as number);
}

/**
 * The mean of the outer products of the rows less a centre (d x d), whole.
 *
 * @param centreOf what is taken off row i
 */
export function scatterOf(rows: Rows, centreOf: (i: number) => ArrayLike<number>): Float64Array {
  const { width } = rows;
  const count = countOf(rows);
  const sum = new Float64Array(width * width);
  const apart = new Float64Array(width);
  for (let i = 0; i < count; i++) {
    const [row, centre] = [rowOf(rows, i), centreOf(i)];
    for (let j = 0; j < width; j++) apart[j] = (row[j] as number) - (centre[j] as number);
    for (let j = 0; j < width; j++) {
      const value = apart[j] as number;
      for (let k = 0, at = j * width; k <= j; k++, at++) sum[at] = (sum[at] as number) + value * (apart[k] as number);
    }
  }
  for (let j = 0; j < width; j++) {
    for (let k = 0; k <= j; k++) {
      const value = (sum[j * width + k] as number) / count;
      sum[j * width + k] = value;
      sum[k * width + j] = value;
    }
  }
  return sum;
}

/**
 * The inverse of the lower Cholesky factor of a symmetric positive definite matrix (d x d), its rows packed: row j has j + 1 numbers. What it
 * makes of numbers with this covariance has the covariance 1.
 *
 * @throws UaferError `DIVERGED` when the matrix isn't positive definite
 */
export function packedWhitening(matrix: Float64Array, width: number): Float64Array {
  const factor = cholesky(matrix, width);
  const inverse = new Float64Array((width * (width + 1)) / 2);
  // Column c of the inverse by forward substitution of a unit vector.
  for (let c = 0; c < width; c++) {
    for (let j = c; j < width; j++) {
      let sum = j === c ? 1 : 0;
      for (let k = c; k < j; k++) sum -= (factor[packed(j, k)] as number) * (inverse[packed(k, c)] as number);
      inverse[packed(j, c)] = sum / (factor[packed(j, j)] as number);
    }
  }
  return inverse;
}

/** Place of row j, column k in a packed lower triangle. */
const packed = (j: number, k: number): number => (j * (j + 1)) / 2 + k;

function cholesky(matrix: Float64Array, width: number): Float64Array {
  const factor = new Float64Array((width * (width + 1)) / 2);
  for (let j = 0; j < width; j++) {
    for (let k = 0; k <= j; k++) {
      let sum = matrix[j * width + k] as number;
      for (let i = 0; i < k; i++) sum -= (factor[packed(j, i)] as number) * (factor[packed(k, i)] as number);
      if (k < j) factor[packed(j, k)] = sum / (factor[packed(k, k)] as number);
      else if (sum > 0) factor[packed(j, j)] = Math.sqrt(sum);
      else throw new UaferError('DIVERGED', 'The features have no covariance that can be inverted: they are broken.');
    }
  }
  return factor;
}

/** A packed lower triangle times a vector. */
export function timesPacked(triangle: ArrayLike<number>, x: ArrayLike<number>): Float64Array {
  const out = new Float64Array(x.length);
  for (let j = 0, at = 0; j < x.length; j++) {
    let sum = 0;
    for (let k = 0; k <= j; k++, at++) sum += (triangle[at] as number) * (x[k] as number);
    out[j] = sum;
  }
  return out;
}

/** Sweeps after which Jacobi's method has ended long before. */
const MOST_SWEEPS = 60;

/**
 * Eigenvalues of a symmetric matrix (d x d), the largest first, and its eigenvectors, a row each (Jacobi's method, cyclic: Golub and Van Loan
 * 2013, 8.5).
 */
export function symmetricEigen(matrix: Float64Array, width: number): { values: Float64Array; vectors: Rows } {
  const a = matrix.slice();
  const vectors = new Float64Array(width * width);
  for (let j = 0; j < width; j++) vectors[j * width + j] = 1;
  const scale = a.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  for (let sweep = 0; sweep < MOST_SWEEPS && largestOff(a, width) > Number.EPSILON * 1e-3 * scale; sweep++) {
    for (let p = 0; p < width - 1; p++) {
      for (let q = p + 1; q < width; q++) rotate(a, vectors, width, p, q);
    }
  }
  const order = Array.from({ length: width }, (_, j) => j).sort((j, k) => at(a, width, k, k) - at(a, width, j, j) || j - k);
  return {
    values: Float64Array.from(order, (j) => at(a, width, j, j)),
    vectors: { values: Float64Array.from(order.flatMap((j) => [...vectors.subarray(j * width, (j + 1) * width)])), width },
  };
}

const at = (a: Float64Array, width: number, j: number, k: number): number => a[j * width + k] as number;

function largestOff(a: Float64Array, width: number): number {
  let most = 0;
  for (let j = 0; j < width; j++) {
    for (let k = 0; k < j; k++) most = Math.max(most, Math.abs(at(a, width, j, k)));
  }
  return most;
}

/** Makes a[p][q] zero by a rotation of rows and columns p and q. */
function rotate(a: Float64Array, vectors: Float64Array, width: number, p: number, q: number): void {
  const off = at(a, width, p, q);
  if (off === 0) return;
  const theta = (at(a, width, q, q) - at(a, width, p, p)) / (2 * off);
  const tangent = (theta < 0 ? -1 : 1) / (Math.abs(theta) + Math.sqrt(theta * theta + 1));
  const cos = 1 / Math.sqrt(tangent * tangent + 1);
  const sin = tangent * cos;
  for (let k = 0; k < width; k++) turn(a, k * width + p, k * width + q, cos, sin);
  for (let k = 0; k < width; k++) turn(a, p * width + k, q * width + k, cos, sin);
  for (let k = 0; k < width; k++) turn(vectors, p * width + k, q * width + k, cos, sin);
  // What rounding leaves there would never end.
  a[p * width + q] = 0;
  a[q * width + p] = 0;
}

function turn(values: Float64Array, first: number, second: number, cos: number, sin: number): void {
  const [x, y] = [values[first] as number, values[second] as number];
  values[first] = cos * x - sin * y;
  values[second] = sin * x + cos * y;
}
