import type { TrainConfig } from '../config/schema.js';
import { autocast } from '../engine/index.js';

/** Runs `block` in the run's precision: `bf16` autocasts products and convolutions. */
export function inPrecision<T>(options: Pick<TrainConfig, 'precision' | 'device'>, block: () => T): T {
  if (options.precision === 'fp32') return block();
  return autocast({ device: options.device, dtype: 'bfloat16' }, block);
}
