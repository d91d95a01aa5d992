import type { TrainConfig } from '../config/schema.js';
import type { Batch } from '../data/types.js';
import { backward, type GradientReducer, ops, scope } from '../engine/index.js';
import { inPrecision } from '../task/precision.js';
import type { Moment, Share, Task } from '../task/task.js';
import { type Optimizer, scaleGradients, zeroGrad } from './optimizer.js';
import type { Processes } from './processes.js';

/** Means over the samples of one optimiser step. */
export interface StepLoss {
  loss: number;
  parts: Record<string, number>;
  samples: number;
}

type StepOptions = Pick<TrainConfig, 'precision' | 'device'> & { accumulate: number };

/** What trains a step in several processes. */
export interface Together {
  processes: Processes;
  reducer: GradientReducer;
  /** Batches of this step. */
  batches: number;
}

/**
 * Leaves in the parameters' `grad` the gradient of the mean loss over all samples of `batches`: N small batches give that of one
 * large one, whatever their sizes. Only one batch at a time is in memory.
 */
export async function lossAndGradients(
  task: Task,
  optimizer: Optimizer,
  batches: AsyncIterable<Batch>,
  moment: Moment,
  options: StepOptions,
  together?: Together,
): Promise<StepLoss> {
  zeroGrad(optimizer);
  if (together) return gradientsTogether(task, batches, moment, options, together);
  const total = { loss: 0, parts: {} as Record<string, number>, samples: 0 };
  const single = options.accumulate === 1;
  for await (const batch of batches) {
    const samples = batch.labels.length;
    const { loss, parts } = backwardBatch(task, batch, moment, options, single ? 1 : samples);
    total.samples += samples;
    total.loss += loss * samples;
    for (const [name, value] of Object.entries(parts)) total.parts[name] = (total.parts[name] ?? 0) + value * samples;
  }
  // The sum's gradient becomes the mean's only now: a batch may come up short of pictures, so the total is not known before.
  if (!single) scaleGradients(optimizer, 1 / total.samples);
  const mean = (value: number) => value / total.samples;
  const parts = Object.fromEntries(Object.entries(total.parts).map(([name, value]) => [name, mean(value)]));
  return { loss: mean(total.loss), parts, samples: total.samples };
}

/**
 * The same by several processes, each with its part of every batch: gradients of sums are summed over the batches and, while backward of the
 * last one goes on, over the processes; then they become the mean's. Every process gets the same bits.
 */
async function gradientsTogether(
  task: Task,
  batches: AsyncIterable<Batch>,
  moment: Moment,
  options: StepOptions,
  { processes, reducer, batches: count }: Together,
): Promise<StepLoss> {
  const names: string[] = [];
  const sums: number[] = [];
  let done = 0;
  for await (const batch of batches) {
    const counted = batch.part?.counted ?? batch.labels.length;
    const share = processes.group ? { counted, group: processes.group } : undefined;
    if (++done === count) reducer.begin();
    const { loss, parts } = backwardBatch(task, batch, moment, options, counted, share);
    names.splice(0, names.length, ...Object.keys(parts));
    for (const [i, value] of [1, loss, ...Object.values(parts)].entries())
      sums[i] = (sums[i] ?? 0) + (counted === 0 ? 0 : value * counted);
  }
  const [samples = 0, loss = 0, ...parts] = processes.sum(sums);
  reducer.finish(1 / samples);
  return {
    loss: loss / samples,
    parts: Object.fromEntries(names.map((name, i) => [name, (parts[i] ?? 0) / samples])),
    samples,
  };
}

function backwardBatch(
  task: Task,
  batch: Batch,
  moment: Moment,
  options: StepOptions,
  weight: number,
  share?: Share,
): { loss: number; parts: Record<string, number> } {
  return scope(() => {
    const { loss, parts, rest } = inPrecision(options, () => task.loss(batch, moment, share));
    backward(weight === 1 ? loss : ops.mul(loss, weight));
    rest?.();
    return {
      loss: loss.item(),
      parts: Object.fromEntries(Object.entries(parts).map(([name, value]) => [name, value.item()])),
    };
  });
}
