import { deserialize, serialize } from 'node:v8';
import type { BatchSource } from '../data/loader.js';
import type { Batch } from '../data/types.js';
import { answerBatch, type EvaluateOptions, type Evaluation, evaluateAnswers } from '../evaluate/evaluate.js';
import type { BatchPrediction, Model } from '../task/task.js';
import type { Processes } from './processes.js';

/** A batch without its images, and what the network said of it. */
interface Answered {
  batch: Batch;
  prediction: BatchPrediction;
}

interface Report {
  answered: Answered[];
  unreadable: [string, string][];
}

/**
 * As `evaluate`, by several processes that take the batches in turn, each picture once. The leading process computes the metrics over all of them, the
 * same that it would alone; the others learn metrics and loss, without predictions. Null when any is asked to stop.
 */
export async function evaluateTogether(
  model: Model,
  source: BatchSource,
  options: EvaluateOptions,
  processes: Processes,
): Promise<Evaluation | null> {
  const answered = await answerInTurn(model, source, options, processes);
  if (!answered) return null;
  const reports = processes.gathered(serialize({ answered, unreadable: [...source.unreadable] } satisfies Report));
  const evaluation = reports && (await evaluateReports(model, source, options, reports));
  const { metrics, loss } = processes.told(evaluation && { metrics: evaluation.metrics, loss: evaluation.loss }) as Evaluation;
  return evaluation ?? { predictions: [], features: null, metrics, loss };
}

/** As many rounds for every process, so that all of them agree on each. */
async function answerInTurn(
  model: Model,
  source: BatchSource,
  options: EvaluateOptions,
  { sum, size }: Processes,
): Promise<Answered[] | null> {
  const answered: Answered[] = [];
  const batches = source.epoch(0)[Symbol.asyncIterator]();
  try {
    for (let done = 0; done < source.batches; done += size) {
      const [stops = 0] = sum([options.shouldStop?.() ? 1 : 0]);
      if (stops > 0) return null;
      const next = await batches.next();
      if (!next.done) answered.push(answer(model, next.value, options));
      options.onBatch?.(Math.min(source.batches, done + size));
    }
  } finally {
    await batches.return?.();
  }
  return answered;
}

function answer(model: Model, batch: Batch, options: EvaluateOptions): Answered {
  const { bytes: _, ...rest } = batch;
  return { batch: { ...rest, images: new Float32Array() }, prediction: answerBatch(model, batch, [], options) };
}

function evaluateReports(
  model: Model,
  source: BatchSource,
  options: EvaluateOptions,
  reports: readonly Uint8Array[],
): Promise<Evaluation | null> {
  const read = reports.map((bytes) => deserialize(bytes) as Report);
  for (const { unreadable } of read) source.learn(unreadable);
  const answered = read.flatMap((report) => report.answered);
  // The order of the list, as one process takes it.
  const inOrder = answered.sort((a, b) => (a.batch.indices[0] as number) - (b.batch.indices[0] as number));
  const predictions = new Map(inOrder.map(({ batch, prediction }) => [batch, prediction]));
  const known = { ...model, predict: (batch: Batch) => predictions.get(batch) as BatchPrediction };
  const { samples, calibration, epoch } = options;
  return evaluateAnswers(known, each(inOrder.map(({ batch }) => batch)), { samples, calibration, epoch });
}

async function* each<T>(values: readonly T[]): AsyncGenerator<T> {
  yield* values;
}
