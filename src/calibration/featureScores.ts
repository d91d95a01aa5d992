/**
 * Scores that know the training pictures: how unlike them a picture's features are, larger for more unlike. Each has what is fitted once, and
 * the score of a picture by it.
 */
import { fitGaussian, type Gaussian, requireRows, squaredMahalanobis, squaredNorm, traceOf, whiteningOf } from './gaussian.js';
import { addTo, countOf, meanOf, type Rows, rowOf, scatterOf, symmetricEigen, timesPacked } from './linearAlgebra.js';

/** Class means with a covariance that they share, and one Gaussian for all. */
export interface RelativeMahalanobis {
  /** Whitens by the covariance within classes. */
  whitening: ArrayLike<number>;
  /** (C, d) class means, whitened; of classes without a picture there is none. */
  means: Rows;
  background: Gaussian;
}

/** Of rows and their classes (0-based). */
export function fitRelativeMahalanobis(rows: Rows, labels: ArrayLike<number>): RelativeMahalanobis {
  const background = fitGaussian(rows);
  const { width } = rows;
  const classes = [...new Set(Array.from(labels))].sort((a, b) => a - b);
  const centres = new Map(classes.map((c) => [c, meanOf(chosen(rows, (i) => labels[i] === c))]));
  const within = scatterOf(rows, (i) => centres.get(labels[i] as number) as Float64Array);
  const whole = scatterOf(rows, () => background.mean);
  const whitening = whiteningOf(within, width, traceOf(whole, width));
  const means = classes.flatMap((c) => [...timesPacked(whitening, centres.get(c) as Float64Array)]);
  return { whitening, means: { values: Float64Array.from(means), width }, background };
}

/** The smallest squared Mahalanobis distance to a class, less that to all pictures (Ren et al. 2021). */
export function relativeMahalanobis(x: ArrayLike<number>, { whitening, means, background }: RelativeMahalanobis): number {
  const whitened = timesPacked(whitening, x);
  return smallestDistance(means, whitened) - squaredMahalanobis(x, background);
}

/** Squared distance to the nearest row. */
function smallestDistance(rows: Rows, x: ArrayLike<number>): number {
  let least = Number.POSITIVE_INFINITY;
  for (let i = 0; i < countOf(rows); i++) least = Math.min(least, squaredDistance(rowOf(rows, i), x));
  return least;
}

function squaredDistance(a: ArrayLike<number>, b: ArrayLike<number>): number {
  const apart = Float64Array.from(a);
  addTo(apart, b, -1);
  return squaredNorm(apart);
}

/** A linear classifier over features: what decides between classes c and k is w_c - w_k. */
export interface Boundaries {
  /** (C, d). */
  weights: Rows;
  /** (d) mean of the training pictures' features. */
  mean: ArrayLike<number>;
}

export function fitBoundaries(rows: Rows, weights: Rows): Boundaries {
  requireRows(rows);
  return { weights, mean: meanOf(rows) };
}

/**
 * fDBD (Liu and Qin 2024), negative: the mean distance to the boundaries between the class that the feature speaks for and each other one,
 * over the feature's distance to the training pictures' mean.
 */
export function boundaryScore(x: ArrayLike<number>, { weights, mean }: Boundaries): number {
  const logits = Array.from({ length: countOf(weights) }, (_, c) => dot(rowOf(weights, c), x));
  const top = logits.indexOf(Math.max(...logits));
  const distances = logits.flatMap((logit, c) => {
    if (c === top) return [];
    const between = Math.sqrt(squaredDistance(rowOf(weights, top), rowOf(weights, c)));
    // Classes with the same weights have no boundary.
    return [between === 0 ? 0 : Math.abs((logits[top] as number) - logit) / between];
  });
  const spread = Math.sqrt(squaredDistance(x, mean));
  return -(distances.reduce((sum, distance) => sum + distance, 0) / distances.length) / Math.max(spread, Number.EPSILON);
}

function dot(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let sum = 0;
  for (let j = 0; j < a.length; j++) sum += (a[j] as number) * (b[j] as number);
  return sum;
}

/** Features of unit length of some training pictures. */
export interface Bank {
  rows: Rows;
  /** Which of the nearest is looked at, from 1. */
  neighbour: number;
}

/** A bank has at most so many numbers: 128 KB in single precision. */
const BANK_NUMBERS = 32_768;
const BANK_PICTURES = 1024;
/** The k-th nearest of a hundredth of the bank, as its authors chose it. */
const NEIGHBOUR_SHARE = 0.01;

/** The first rows, as many as a bank holds, brought to unit length. */
export function fitBank(rows: Rows): Bank {
  requireRows(rows);
  const { width } = rows;
  const count = Math.min(countOf(rows), BANK_PICTURES, Math.max(2, Math.floor(BANK_NUMBERS / width)));
  const units = new Float64Array(count * width);
  for (let i = 0; i < count; i++) units.set(unit(rowOf(rows, i)), i * width);
  return { rows: { values: units, width }, neighbour: Math.max(1, Math.round(NEIGHBOUR_SHARE * count)) };
}

/** Distance to the k-th nearest of a bank, lengths taken away (Sun et al. 2022). */
export function neighbourDistance(x: ArrayLike<number>, { rows, neighbour }: Bank): number {
  const own = unit(x);
  const squared = Float64Array.from({ length: countOf(rows) }, (_, i) => squaredDistance(rowOf(rows, i), own)).sort();
  return Math.sqrt(squared[neighbour - 1] as number);
}

function unit(x: ArrayLike<number>): Float64Array {
  const length = Math.sqrt(squaredNorm(x));
  return Float64Array.from(x, (value) => value / Math.max(length, Number.EPSILON));
}

/** What of a feature lies outside of the space that training pictures fill. */
export interface VirtualLogit {
  /** (r, d) orthonormal directions of the least spread. */
  residual: Rows;
  /** From the length outside to a logit. */
  scale: number;
}

/** Directions of most spread that are the space of training pictures, in shares of all: as its authors had it for small features. */
const PRINCIPAL_SHARE = 0.5;
/** Of features in single precision. */
const ROUNDING = 1e-6;

/**
 * Of rows and their largest logits. The classifier has no biases, so that features are counted from 0.
 *
 * @param largestLogits of each row
 */
export function fitVirtualLogit(rows: Rows, largestLogits: ArrayLike<number>): VirtualLogit {
  requireRows(rows);
  const { width } = rows;
  const origin = new Float64Array(width);
  const { vectors } = symmetricEigen(
    scatterOf(rows, () => origin),
    width,
  );
  const residual = { values: vectors.values.subarray(Math.round(PRINCIPAL_SHARE * width) * width), width };
  const count = countOf(rows);
  let [logits, lengths, whole] = [0, 0, 0];
  for (let i = 0; i < count; i++) {
    logits += largestLogits[i] as number;
    lengths += lengthIn(residual, rowOf(rows, i));
    whole += Math.sqrt(squaredNorm(rowOf(rows, i)));
  }
  // Nothing but rounding lies outside: no picture has a virtual logit.
  return { residual, scale: lengths > ROUNDING * whole ? logits / lengths : 0 };
}

/** ViM (Wang et al. 2022): the virtual logit less the log of the sum of the others' exponentials. */
export function virtualLogitScore(x: ArrayLike<number>, logits: readonly number[], { residual, scale }: VirtualLogit): number {
  const largest = Math.max(...logits);
  const sum = logits.reduce((total, logit) => total + Math.exp(logit - largest), 0);
  return scale * lengthIn(residual, x) - (largest + Math.log(sum));
}

/** Length of what lies in the space of orthonormal rows. */
function lengthIn(rows: Rows, x: ArrayLike<number>): number {
  return Math.sqrt(squaredNorm(Array.from({ length: countOf(rows) }, (_, i) => dot(rowOf(rows, i), x))));
}

function chosen({ values, width }: Rows, wanted: (i: number) => boolean): Rows {
  const rows = { values, width };
  const kept = Array.from({ length: countOf(rows) }, (_, i) => i).filter(wanted);
  const out = new Float64Array(kept.length * width);
  for (const [place, i] of kept.entries()) out.set(rowOf(rows, i), place * width);
  return { values: out, width };
}
