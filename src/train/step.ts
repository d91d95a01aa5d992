import type { TrainConfig } from '../config/schema.js';
import type { Batch } from '../data/types.js';
import { backward, ops, scope } from '../engine/index.js';
import { inPrecision } from '../task/precision.js';
import type { Moment, Task } from '../task/task.js';
import { type Optimizer, scaleGradients, zeroGrad } from './optimizer.js';

/** Means over the samples of one optimiser step. */
export interface StepLoss {
  loss: number;
  parts: Record<string, number>;
  samples: number;
}

type StepOptions = Pick<TrainConfig, 'precision' | 'device'> & { accumulate: number };

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
): Promise<StepLoss> {
  zeroGrad(optimizer);
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

function backwardBatch(
  task: Task,
  batch: Batch,
  moment: Moment,
  options: StepOptions,
  weight: number,
): { loss: number; parts: Record<string, number> } {
  return scope(() => {
    const { loss, parts } = inPrecision(options, () => task.loss(batch, moment));
    backward(weight === 1 ? loss : ops.mul(loss, weight));
    return {
      loss: loss.item(),
      parts: Object.fromEntries(Object.entries(parts).map(([name, value]) => [name, value.item()])),
    };
  });
}
