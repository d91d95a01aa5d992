import { noGrad, ops, scope, type Tensor } from '../engine/index.js';
import { isRunningStatistic } from '../task/task.js';

/** Exponential moving averages of a model's trained tensors. */
export interface MovingAverage {
  decay: number;
  /** The model's own tensors, by name. */
  sources: Record<string, Tensor>;
  /** Their averages. */
  averages: Record<string, Tensor>;
}

/**
 * Averages that start at the present values of the `trained` tensors of `state` and of its running statistics, which move with the weights
 * that made them.
 */
export function createMovingAverage(
  state: Readonly<Record<string, Tensor>>,
  trained: ReadonlySet<string>,
  decay: number,
): MovingAverage {
  const followed = Object.entries(state).filter(([name]) => trained.has(name) || isRunningStatistic(name));
  const averages = noGrad(() => scope(() => Object.fromEntries(followed.map(([name, tensor]) => [name, ops.clone(tensor)]))));
  return { decay, sources: Object.fromEntries(followed), averages };
}

/**
 * average += (1 - d)(weight - average) after optimiser step `steps` (from 1). The first steps use the smaller
 * d = min(decay, (1 + steps) / (10 + steps)), so that the starting values do not linger (as in TensorFlow's averages).
 */
export function updateMovingAverage(ema: MovingAverage, steps: number): void {
  const decay = Math.min(ema.decay, (1 + steps) / (10 + steps));
  noGrad(() => scope(() => ops.foreachLerp_(Object.values(ema.averages), Object.values(ema.sources), 1 - decay)));
}

/** Runs `block` with the averages in the model's place, and puts the weights back whatever happens. */
export async function withAverages<T>(ema: MovingAverage, block: () => Promise<T>): Promise<T> {
  const weights = noGrad(() => scope(() => Object.values(ema.sources).map((tensor) => ops.clone(tensor))));
  const sources = Object.values(ema.sources);
  overwrite(sources, Object.values(ema.averages));
  try {
    return await block();
  } finally {
    overwrite(sources, weights);
    for (const tensor of weights) tensor.dispose();
  }
}

function overwrite(targets: readonly Tensor[], values: readonly Tensor[]): void {
  noGrad(() => {
    for (const [i, target] of targets.entries()) ops.copy_(target, values[i] as Tensor);
  });
}
