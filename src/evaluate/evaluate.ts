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
  /** Strength of the Dirichlet distribution with mean `probabilities`, where the answer is one. */
  strength?: number;
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
    predictions.push(...rows(batch, prediction, options.samples));
    if (model.evaluationLoss) losses.push(model.evaluationLoss(prediction, batch.labels, options.epoch));
    options.onBatch?.(++done);
  }
  const metrics = computeMetrics(predictions, model.classes);
  return { predictions, metrics, loss: losses.length > 0 ? mean(losses) : null };
}

function predict(model: Model, batch: Batch, options: EvaluateOptions): BatchPrediction {
  return noGrad(() => scope(() => inPrecision(options, () => model.predict(batch))));
}

function rows(batch: Batch, prediction: BatchPrediction, samples: readonly Sample[]): Prediction[] {
  const { uncertainty, strength } = prediction;
  const classes = prediction.logits.length / batch.labels.length;
  return Array.from(batch.labels, (label, i) => {
    const row = (values: Float32Array) => Array.from(values.subarray(i * classes, (i + 1) * classes));
    const { file, voteCounts } = samples[batch.indices[i] as number] as Sample;
    const logits = row(prediction.logits);
    const probabilities = row(prediction.probabilities);
    checkFinite([...logits, ...probabilities, uncertainty[i] as number], file);
    return {
      file,
      label: Number(label),
      predicted: logits.indexOf(Math.max(...logits)),
      logits,
      probabilities,
      uncertainty: uncertainty[i] as number,
      ...(strength ? { strength: strength[i] as number } : {}),
      ...(voteCounts ? { votes: voteCounts } : {}),
    };
  });
}

function checkFinite(answer: readonly number[], file: string): void {
  if (answer.every(Number.isFinite)) return;
  throw new UaferError('DIVERGED', `The model's logits for ${file} are not numbers: its weights are broken.`);
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
