import { type Calibration, calibratedAnswer } from '../calibration/calibration.js';
import type { TrainConfig } from '../config/schema.js';
import type { Batch, Sample } from '../data/types.js';
import { noGrad, scope } from '../engine/index.js';
import { UaferError } from '../errors.js';
import { computeMetrics, type Metrics } from '../metrics/metrics.js';
import { inPrecision } from '../task/precision.js';
import type { BatchPrediction, Model } from '../task/task.js';

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
  /** Raw votes for the classes, then for answers that are no class, where the data set has votes. */
  votes?: readonly number[];
}

export interface Evaluation {
  /** In the order in which the pictures came. */
  predictions: Prediction[];
  metrics: Metrics;
  /** Mean of the task's evaluation loss over batches, as the original prints it; null for a task without one. */
  loss: number | null;
}

export interface EvaluateOptions extends Pick<TrainConfig, 'precision' | 'device'> {
  /** The list that the batches' indices point into. */
  samples: readonly Sample[];
  /** What was fitted to the model's answers; left out, they are taken as they are. */
  calibration?: Calibration | undefined;
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
  return evaluateAnswers({ ...model, predict: (batch) => predict(model, batch, options) }, batches, options);
}

/** Whatever answers batches, with libtorch or without. */
interface Answering extends Pick<Model, 'classes' | 'evaluationLoss'> {
  predict(batch: Batch): BatchPrediction | Promise<BatchPrediction>;
}

/** As `evaluate`, of whatever answers batches. */
export async function evaluateAnswers(
  model: Answering,
  batches: AsyncIterable<Batch>,
  options: Omit<EvaluateOptions, 'precision' | 'device'>,
): Promise<Evaluation | null> {
  const predictions: Prediction[] = [];
  const losses: number[] = [];
  let done = 0;
  for await (const batch of batches) {
    if (options.shouldStop?.()) return null;
    const prediction = await model.predict(batch);
    predictions.push(...rows(batch, prediction, options));
    if (model.evaluationLoss) losses.push(model.evaluationLoss(prediction, batch.labels, options.epoch));
    options.onBatch?.(++done);
  }
  const metrics = computeMetrics(predictions, model.classes);
  return { predictions, metrics, loss: losses.length > 0 ? mean(losses) : null };
}

function predict(model: Model, batch: Batch, options: EvaluateOptions): BatchPrediction {
  return noGrad(() => scope(() => inPrecision(options, () => model.predict(batch))));
}

function rows(
  batch: Batch,
  prediction: BatchPrediction,
  { samples, calibration }: Pick<EvaluateOptions, 'samples' | 'calibration'>,
): Prediction[] {
  return Array.from(batch.labels, (label, i) => {
    const { file, voteCounts } = samples[batch.indices[i] as number] as Sample;
    const own = answerAt(prediction, i, batch.labels.length);
    checkFinite([...own.logits, ...own.probabilities, own.uncertainty], file);
    const { logits, probabilities, uncertainty, alpha } = calibration ? calibratedAnswer(own, calibration) : own;
    return {
      file,
      label: Number(label),
      predicted: logits.indexOf(Math.max(...logits)),
      logits,
      probabilities,
      uncertainty,
      ...(alpha ? { alpha } : {}),
      ...(voteCounts ? { votes: voteCounts } : {}),
    };
  });
}

/** One picture's answer as the network gives it. */
function answerAt({ logits, probabilities, uncertainty, evidence }: BatchPrediction, i: number, pictures: number) {
  const classes = logits.length / pictures;
  const row = (values: Float32Array) => Array.from(values.subarray(i * classes, (i + 1) * classes));
  const own = evidence ? row(evidence) : null;
  return {
    logits: row(logits),
    probabilities: row(probabilities),
    uncertainty: uncertainty[i] as number,
    evidence: own,
    alpha: own?.map((value) => value + 1),
  };
}

function checkFinite(answer: readonly number[], file: string): void {
  if (answer.every(Number.isFinite)) return;
  throw new UaferError('DIVERGED', `The model's logits for ${file} are not numbers: its weights are broken.`);
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
