/** A small risk head: the probability that an answer is wrong, from several scores of it. */
import { UaferError } from '../errors.js';
import { type Curvature, minimizeConvex } from './optimize.js';

/** A fitted head over d features: plain data, which goes with the model. */
export interface LogisticRegression {
  /** (d) mean and deviation of each feature, which is standardised; a constant feature has a deviation of 1. */
  means: number[];
  deviations: number[];
  /** (d) of the standardised features. */
  weights: number[];
  bias: number;
}

/** Weight of the penalty. */
const RIDGE = 1;

/**
 * Fits P(positive) = 1 / (1 + exp(-(w x + b))) to features x (n, d), standardised, and what came: minimises
 * sum_i ln(1 + exp(-s_i (w x_i + b))) + ridge / 2 |w|^2, s = 1 for positives and -1 else. Convex, by Newton's method.
 *
 * @throws UaferError `DATA` when a feature is not a number, or all outcomes are the same
 */
export function fitLogisticRegression(
  features: readonly (readonly number[])[],
  positive: readonly boolean[],
  ridge = RIDGE,
): LogisticRegression {
  const size = check(features, positive);
  const column = (j: number) => features.map((row) => row[j] as number);
  const means = Array.from({ length: size }, (_, j) => mean(column(j)));
  const deviations = Array.from({ length: size }, (_, j) => {
    const values = column(j);
    // A sum of rounded numbers may leave a constant a deviation.
    if (values.every((value) => value === values[0])) return 1;
    return Math.sqrt(mean(values.map((value) => (value - (means[j] as number)) ** 2)));
  });
  const standardised = features.map((row) => standardise(row, means, deviations));
  const point = minimizeConvex(new Float64Array(size + 1), (theta) => curvature(theta, standardised, positive, ridge));
  return { means, deviations, weights: [...point.subarray(0, size)], bias: point[size] as number };
}

/** Probability of a positive. */
export function predictLogistic(features: readonly number[], { means, deviations, weights, bias }: LogisticRegression): number {
  const x = standardise(features, means, deviations);
  return sigmoid(x.reduce((total, value, j) => total + value * (weights[j] as number), bias));
}

/** Of the penalised loss, at the weights and, last, the bias. */
function curvature(
  theta: Float64Array,
  rows: readonly (readonly number[])[],
  positive: readonly boolean[],
  ridge: number,
): Curvature {
  const size = theta.length;
  let value = 0;
  const gradient = new Float64Array(size);
  const hessian = new Float64Array(size * size);
  rows.forEach((row, i) => {
    const x = [...row, 1];
    const z = x.reduce((total, each, j) => total + each * (theta[j] as number), 0);
    const p = sigmoid(z);
    value += softplus(positive[i] ? -z : z);
    for (let j = 0; j < size; j++) {
      gradient[j] = (gradient[j] as number) + (p - (positive[i] ? 1 : 0)) * (x[j] as number);
      for (let k = 0; k < size; k++) {
        hessian[j * size + k] = (hessian[j * size + k] as number) + p * (1 - p) * (x[j] as number) * (x[k] as number);
      }
    }
  });
  for (let j = 0; j < size - 1; j++) {
    const weight = theta[j] as number;
    value += (ridge / 2) * weight * weight;
    gradient[j] = (gradient[j] as number) + ridge * weight;
    hessian[j * size + j] = (hessian[j * size + j] as number) + ridge;
  }
  return { value, gradient, hessian };
}

/** The number of features. */
function check(features: readonly (readonly number[])[], positive: readonly boolean[]): number {
  const size = features[0]?.length ?? 0;
  if (features.length !== positive.length) {
    throw new UaferError(
      'DATA',
      `${features.length} rows of features stand beside ${positive.length} outcomes: expected as many.`,
    );
  }
  if (!positive.includes(true) || !positive.includes(false)) {
    throw new UaferError('DATA', 'A risk head needs right answers and wrong ones to learn from: all are the same.');
  }
  const broken = features.findIndex((row) => row.length !== size || !row.every(Number.isFinite));
  if (broken >= 0) {
    throw new UaferError(
      'DATA',
      `Row ${broken} (from 0) has the features [${features[broken]?.join(', ')}]: expected ${size} numbers.`,
    );
  }
  return size;
}

function standardise(row: readonly number[], means: readonly number[], deviations: readonly number[]): number[] {
  return row.map((value, j) => (value - (means[j] as number)) / (deviations[j] as number));
}

function sigmoid(z: number): number {
  return z >= 0 ? 1 / (1 + Math.exp(-z)) : Math.exp(z) / (1 + Math.exp(z));
}

/** ln(1 + exp(z)). */
function softplus(z: number): number {
  return Math.max(0, z) + Math.log1p(Math.exp(-Math.abs(z)));
}

function mean(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0) / values.length;
}
