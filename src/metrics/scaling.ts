/**
 * Scaling of a trained model's answers, so that its probabilities mean what they say. Each is fitted on pictures that are neither trained
 * nor reported on, and applied to every answer after; none changes which answers are more probable than others, but for vector scaling.
 */
import { UaferError } from '../errors.js';
import { logProbability } from './calibration.js';
import { type Curvature, minimizeConvex, minimizeOnLine } from './optimize.js';
import { dirichletMultinomialLogLikelihood } from './votes.js';

/** A picture's class and the logits (C) of its answer; of an answer that has none, `logProbabilities`. */
export interface LabelledLogits {
  /** 0-based. */
  label: number;
  logits: readonly number[];
}

/** Temperatures lie within [1 / 100, 100], and scales of evidence and strength within [1 / 1000, 1000]. */
const LIMIT_TEMPERATURE = 100;
const LIMIT_SCALE = 1000;
/** Weight of the penalty on what vector scaling changes. */
const RIDGE = 1e-4;

/** Probabilities (C) as logits, so that any answer can be scaled by a temperature: softmax(ln p / T) is p^(1/T) over its sum. */
export function logProbabilities(probabilities: readonly number[]): number[] {
  return probabilities.map(logProbability);
}

/** softmax(logits), (C). */
export function softmax(logits: readonly number[]): number[] {
  const largest = Math.max(...logits);
  const powers = logits.map((logit) => Math.exp(logit - largest));
  const total = powers.reduce((sum, power) => sum + power, 0);
  return powers.map((power) => power / total);
}

/** softmax(logits / T), (C). */
export function applyTemperature(logits: readonly number[], temperature: number): number[] {
  return softmax(logits.map((logit) => logit / temperature));
}

/**
 * The temperature T under which the labels are most likely (Guo et al. 2017), held in [1 / 100, 100]: 1 / 100 where every label has the
 * largest logit, 100 where the logits are worse than nothing, and 1 where all logits are equal and no T matters.
 *
 * The likelihood is concave in 1 / T, and its slope is bisected to the last bit.
 *
 * @throws UaferError `DATA` when there is no picture, a logit is not a number, or a label is none of the classes
 */
export function fitTemperature(rows: readonly LabelledLogits[]): number {
  checkRows(rows);
  /** Slope of the negative log-likelihood by b = 1 / T: sum of E_p[z] - z_label, which grows with b. */
  const slope = (b: number) => {
    let total = 0;
    for (const { label, logits } of rows) {
      const probabilities = softmax(logits.map((logit) => b * logit));
      total += probabilities.reduce((sum, p, c) => sum + p * (logits[c] as number), 0) - (logits[label] as number);
    }
    return total;
  };
  if (rows.every(({ logits }) => logits.every((logit) => logit === logits[0]))) return 1;
  let low = 1 / LIMIT_TEMPERATURE;
  let high = LIMIT_TEMPERATURE;
  if (slope(low) >= 0) return LIMIT_TEMPERATURE;
  if (slope(high) <= 0) return 1 / LIMIT_TEMPERATURE;
  for (;;) {
    const middle = (low + high) / 2;
    if (middle <= low || middle >= high) return 1 / middle;
    if (slope(middle) < 0) low = middle;
    else high = middle;
  }
}

/** softmax(weights logits + biases), each (C). */
export interface VectorScaling {
  weights: number[];
  biases: number[];
}

export function applyVectorScaling(logits: readonly number[], { weights, biases }: VectorScaling): number[] {
  return softmax(logits.map((logit, c) => (weights[c] as number) * logit + (biases[c] as number)));
}

/**
 * The weights w and biases b (Guo et al. 2017) that minimise the mean negative log-likelihood of the labels and
 * ridge / 2 (|w - 1|^2 + |b|^2): without the penalty the bias of a class without a picture would have no end. Convex, by Newton's method.
 *
 * @throws UaferError `DATA` as `fitTemperature` does
 */
export function fitVectorScaling(rows: readonly LabelledLogits[], ridge = RIDGE): VectorScaling {
  const classes = checkRows(rows);
  const start = [...new Array<number>(classes).fill(1), ...new Array<number>(classes).fill(0)];
  const point = minimizeConvex(start, (theta) => vectorCurvature(theta, rows, classes, ridge));
  return scalingOf(point, classes);
}

/** The weights stand before the biases. */
function scalingOf(theta: Float64Array, classes: number): VectorScaling {
  return { weights: [...theta.subarray(0, classes)], biases: [...theta.subarray(classes)] };
}

/** Of the penalised mean loss at weights and biases. */
function vectorCurvature(theta: Float64Array, rows: readonly LabelledLogits[], classes: number, ridge: number): Curvature {
  const size = 2 * classes;
  const gradient = new Float64Array(size);
  const hessian = new Float64Array(size * size);
  const scaling = scalingOf(theta, classes);
  let value = 0;
  for (const { label, logits } of rows) {
    const p = applyVectorScaling(logits, scaling);
    value -= logProbability(p[label] as number) / rows.length;
    // Logit c of the softmax is weight_c z_c + bias_c, so that variable i moves class i mod C, by z or by 1.
    const moved = (i: number) => (i < classes ? (logits[i] as number) : 1);
    for (let i = 0; i < size; i++) {
      const pi = p[i % classes] as number;
      add(gradient, i, ((pi - (i % classes === label ? 1 : 0)) * moved(i)) / rows.length);
      for (let j = 0; j < size; j++) {
        const same = i % classes === j % classes ? 1 : 0;
        add(hessian, i * size + j, (pi * (same - (p[j % classes] as number)) * moved(i) * moved(j)) / rows.length);
      }
    }
  }
  for (let i = 0; i < size; i++) {
    const away = (theta[i] as number) - (i < classes ? 1 : 0);
    value += (ridge / 2) * away * away;
    add(gradient, i, ridge * away);
    add(hessian, i * size + i, ridge);
  }
  return { value, gradient, hessian };
}

function add(sums: Float64Array, at: number, term: number): void {
  sums[at] = (sums[at] as number) + term;
}

/** a = 1 + scale (a - 1): the evidence a - 1 grows by the scale, and with it the certainty and the distance of the probabilities. */
export function applyEvidenceScale(alpha: readonly number[], scale: number): number[] {
  return alpha.map((a) => 1 + scale * (a - 1));
}

/** Raw votes for the C classes (of a picture that has a label alone one vote for it) beside the parameters (C) of its Dirichlet answer. */
export interface VotedDirichlet {
  votes: readonly number[];
  alpha: readonly number[];
}

/**
 * The scale of the evidence under which the votes are most likely as draws from Dirichlet-multinomials, held in [1 / 1000, 1000]: for
 * answers a = e + 1, whose probabilities (1 + e_k) / (C + sum e) lie near 1 / C where the evidence is small. 1 where there is no evidence at
 * all and no scale matters.
 *
 * @throws UaferError `DATA` when there is no picture, a parameter is below 1, or votes don't match the classes
 */
export function fitEvidenceScale(rows: readonly VotedDirichlet[]): number {
  checkDirichlets(rows, 1);
  if (rows.every(({ alpha }) => alpha.every((a) => a === 1))) return 1;
  return fitScale((scale) =>
    rows.reduce(
      (loss, { votes, alpha }) => loss - dirichletMultinomialLogLikelihood(votes, applyEvidenceScale(alpha, scale)),
      0,
    ),
  );
}

/**
 * The scale of the strength, a' = scale a, under which the votes are most likely as draws from Dirichlet-multinomials, held in
 * [1 / 1000, 1000]. Probabilities stay; what changes is how much people are expected to disagree.
 *
 * @throws UaferError `DATA` when no picture has two votes (one vote says nothing of the strength), or parameters are not above 0
 */
export function fitStrengthScale(rows: readonly VotedDirichlet[]): number {
  checkDirichlets(rows, Number.MIN_VALUE);
  if (!rows.some(({ votes }) => sum(votes) > 1)) {
    throw new UaferError('DATA', 'A strength is fitted to votes: expected pictures with two votes and more.');
  }
  return fitScale((scale) => {
    let loss = 0;
    for (const { votes, alpha } of rows) {
      loss -= dirichletMultinomialLogLikelihood(
        votes,
        alpha.map((a) => scale * a),
      );
    }
    return loss;
  });
}

function fitScale(loss: (scale: number) => number): number {
  return Math.exp(minimizeOnLine((log) => loss(Math.exp(log)), -Math.log(LIMIT_SCALE), Math.log(LIMIT_SCALE)));
}

/** The number of classes. */
function checkRows(rows: readonly LabelledLogits[]): number {
  const classes = rows[0]?.logits.length ?? 0;
  if (rows.length === 0) throw new UaferError('DATA', 'There is no picture to fit a scaling to: expected at least one.');
  for (const [i, { label, logits }] of rows.entries()) {
    if (logits.length !== classes || !logits.every(Number.isFinite) || logits[label] === undefined) {
      throw new UaferError(
        'DATA',
        `Picture ${i} (from 0) has label ${label} and logits [${logits.join(', ')}]: expected ${classes} numbers, the label's among them.`,
      );
    }
  }
  return classes;
}

function checkDirichlets(rows: readonly VotedDirichlet[], least: number): void {
  if (rows.length === 0) throw new UaferError('DATA', 'There is no picture to fit a scaling to: expected at least one.');
  for (const [i, { alpha, votes }] of rows.entries()) {
    const fits = votes.length === alpha.length;
    if (!fits || !alpha.every((a) => a >= least && a < Number.POSITIVE_INFINITY)) {
      throw new UaferError(
        'DATA',
        `Picture ${i} (from 0) has the Dirichlet parameters [${alpha.join(', ')}]: expected one of at least ${least} for each class, ` +
          'and as many votes.',
      );
    }
  }
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
