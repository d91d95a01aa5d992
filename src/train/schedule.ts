import type { OptimizerConfig } from '../config/schema.js';

/**
 * Learning rate at a fractional `epoch` (epochs done + step / steps): linear from 0 to `lr` over `warmupEpochs`, then half a
 * cosine down to `minLr` at `epochs` (Loshchilov and Hutter 2017, without restarts).
 */
export function learningRate(
  epoch: number,
  options: Pick<OptimizerConfig, 'lr' | 'minLr' | 'epochs' | 'warmupEpochs'>,
): number {
  const { lr, minLr, epochs, warmupEpochs } = options;
  if (epoch < warmupEpochs) return (lr * epoch) / warmupEpochs;
  const progress = (epoch - warmupEpochs) / (epochs - warmupEpochs);
  return minLr + ((lr - minLr) * (1 + Math.cos(Math.PI * progress))) / 2;
}
