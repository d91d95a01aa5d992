import { type Calibration, calibratedAnswer, type RawAnswer } from '../calibration/calibration.js';
import { layersOf, type PictureFeatures } from '../calibration/density.js';
import type { TrainConfig } from '../config/schema.js';
import type { Batch, Sample } from '../data/types.js';
import { noGrad, scope } from '../engine/index.js';
import { UaferError } from '../errors.js';
import type { PictureStatistics } from '../image/statistics.js';
import type { Decision } from '../metrics/decision.js';
import { computeMetrics, type Metrics } from '../metrics/metrics.js';
import type { Answer } from '../metrics/scores.js';
import { inPrecision } from '../task/precision.js';
import type { BatchPrediction, Model } from '../task/task.js';
import { type FeatureSample, featureSampler } from './featureSample.js';

/** The model's answer for one picture. */
export interface Prediction {
  file: string;
  /** True class and predicted class, 0-based. */
  label: number;
  predicted: number;
  /** (C). */
  logits: number[];
  probabilities: number[];
  uncertainty: number;
  /** (C) parameters of the Dirichlet distribution over what people say, where the answer is one. */
  alpha?: number[];
  /** How unlike the pictures of training it is, where the calibration knows them. */
  density?: NonNullable<Answer['density']>;
  /** What the network made of it on the way, where that was asked for. */
  features?: PictureFeatures;
  /** Plain statistics of the picture, where they were asked for. */
  picture?: PictureStatistics;
  /** Raw votes for the classes, then for answers that are no class, where the data set has votes. */
  votes?: readonly number[];
  /** Of a calibrated answer: how much people would disagree, how probably it is wrong, and what is to be done with it. */
  ambiguity?: number;
  risk?: number;
  decision?: Decision;
  /** Of a calibration with conformal sets: positions of the classes among which the right one is, the most probable first. */
  set?: number[];
}

export interface Evaluation {
  /** In the order in which the pictures came. */
  predictions: Prediction[];
  /** Null where the network has none. */
  features: FeatureSample | null;
  metrics: Metrics;
  /** Mean of the task's evaluation loss over batches, as the original prints it; null for a task without one. */
  loss: number | null;
}

export interface EvaluateOptions extends Pick<TrainConfig, 'precision' | 'device'> {
  /** The list that the batches' indices point into. */
  samples: readonly Sample[];
  /** What was fitted to the model's answers; left out, they are taken as they are. */
  calibration?: Calibration | undefined;
  /** Keeps with each prediction the feature and the means of these layers. */
  keptLayers?: readonly string[] | undefined;
  /** Of the weights, from 0: the evaluation loss may be annealed. */
  epoch: number;
  /** Told after each batch how many are done. */
  onBatch?(done: number): void;
  /** Asked before each batch; true ends the evaluation without a result. */
  shouldStop?(): boolean;
}

/**
 * Predictions of `model` for every picture of `batches`, and the metrics over all of them together (never averaged over batches).
 * The predicted class is the first largest *logit*: with relu evidence the probabilities of a picture may all be equal. Null when asked
 * to stop.
 */
export function evaluate(model: Model, batches: AsyncIterable<Batch>, options: EvaluateOptions): Promise<Evaluation | null> {
  return evaluateAnswers(
    { ...model, predict: (batch, layers) => answerBatch(model, batch, layers, options) },
    batches,
    options,
  );
}

/** Whatever answers batches, with libtorch or without. */
interface Answering extends Pick<Model, 'classes' | 'evaluationLoss'> {
  predict(batch: Batch, layers: readonly string[]): BatchPrediction | Promise<BatchPrediction>;
}

/** As `evaluate`, of whatever answers batches. */
export async function evaluateAnswers(
  model: Answering,
  batches: AsyncIterable<Batch>,
  options: Omit<EvaluateOptions, 'precision' | 'device'>,
): Promise<Evaluation | null> {
  const predictions: Prediction[] = [];
  const losses: number[] = [];
  const features = featureSampler(options.samples.length);
  const layers = options.keptLayers ?? layersOf(options.calibration?.density);
  let done = 0;
  for await (const batch of batches) {
    if (options.shouldStop?.()) return null;
    const prediction = await model.predict(batch, layers);
    features.add(prediction, batch.labels.length);
    predictions.push(...rows(batch, prediction, options));
    if (model.evaluationLoss) losses.push(model.evaluationLoss(prediction, batch.labels, options.epoch));
    options.onBatch?.(++done);
  }
  const metrics = computeMetrics(predictions, model.classes);
  return { predictions, features: features.taken(), metrics, loss: losses.length > 0 ? mean(losses) : null };
}

/** What a model says of one batch, in the run's precision and without anything of training. */
export function answerBatch(
  model: Model,
  batch: Batch,
  layers: readonly string[],
  options: Pick<EvaluateOptions, 'precision' | 'device'>,
): BatchPrediction {
  return noGrad(() => scope(() => inPrecision(options, () => model.predict(batch, layers))));
}

function rows(
  batch: Batch,
  prediction: BatchPrediction,
  { samples, calibration, keptLayers }: Pick<EvaluateOptions, 'samples' | 'calibration' | 'keptLayers'>,
): Prediction[] {
  return Array.from(batch.labels, (label, i) => {
    const { file, voteCounts } = samples[batch.indices[i] as number] as Sample;
    const own = answerAt(prediction, i, batch.labels.length);
    checkFinite([...own.logits, ...own.probabilities, own.uncertainty], file);
    const { logits, probabilities, uncertainty, alpha, ...judged } = calibration ? calibrated(own, calibration) : plain(own);
    return {
      file,
      label: Number(label),
      predicted: logits.indexOf(Math.max(...logits)),
      logits,
      probabilities,
      uncertainty,
      ...(alpha ? { alpha } : {}),
      ...(keptLayers && own.features ? { features: own.features } : {}),
      ...(batch.statistics ? { picture: batch.statistics[i] as PictureStatistics } : {}),
      ...(voteCounts ? { votes: voteCounts } : {}),
      ...judged,
    };
  });
}

/** The answer as the network gives it. */
function plain({ evidence, features: _, ...answer }: ReturnType<typeof answerAt>) {
  return { ...answer, alpha: evidence?.map((value) => value + 1) };
}

function calibrated(own: RawAnswer, calibration: Calibration) {
  const { decision, set, ...answer } = calibratedAnswer(own, calibration);
  return { ...answer, ...(decision ? { decision } : {}), ...(set ? { set } : {}) };
}

/** One picture's answer as the network gives it. */
function answerAt(prediction: BatchPrediction, i: number, pictures: number) {
  const { logits, probabilities, uncertainty, evidence } = prediction;
  const row = (values: Float32Array) => Array.from(rowAt(values, i, pictures));
  return {
    logits: row(logits),
    probabilities: row(probabilities),
    uncertainty: uncertainty[i] as number,
    evidence: evidence ? row(evidence) : null,
    features: featuresAt(prediction, i, pictures),
  };
}

function featuresAt({ features, layers = {} }: BatchPrediction, i: number, pictures: number): PictureFeatures | undefined {
  if (!features) return undefined;
  const means = Object.entries(layers).map(([name, values]) => [name, rowAt(values, i, pictures)] as const);
  return { feature: rowAt(features, i, pictures), layers: Object.fromEntries(means) };
}

/** Of (B, W) the row of picture i. */
function rowAt(values: Float32Array, i: number, pictures: number): Float32Array {
  const width = values.length / pictures;
  return values.subarray(i * width, (i + 1) * width);
}

function checkFinite(answer: readonly number[], file: string): void {
  if (answer.every(Number.isFinite)) return;
  throw new UaferError('DIVERGED', `The model's logits for ${file} are not numbers: its weights are broken.`);
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
