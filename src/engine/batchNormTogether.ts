import { noGrad } from './autograd.js';
import type { ProcessGroup } from './distributed.js';
import * as ops from './ops.js';
import { scope } from './scope.js';
import type { Tensor } from './types.js';

/** PyTorch's defaults, which `ops.batchNorm` has too. */
const EPS = 1e-5;
const MOMENTUM = 0.1;
/** Dimensions that statistics are of: batch and picture. */
const OVER = [0, 2, 3];

/**
 * Batch normalisation in training with the statistics of all processes' pictures together, as one process has that sees them all: mean, then the mean of
 * squared distances from it, each a sum over the processes that has a gradient. The running statistics follow the whole batch.
 *
 * @param x (B, C, H, W)
 * @param counts whether this process's pictures count; they are normalised all the same
 */
export function batchNormTogether(
  x: Tensor,
  [weight, bias, runningMean, runningVar]: readonly [Tensor, Tensor, Tensor, Tensor],
  { group, counts }: { group: ProcessGroup; counts: boolean },
): Tensor {
  return scope(() => {
    const [batch, channels, height, width] = x.shape as [number, number, number, number];
    const own = counts ? 1 : 0;
    const inFull = ops.toDtype(x, 'float32');
    const asRow = (values: Tensor) => ops.reshape(values, [1, channels, 1, 1]);
    const size = ops.full([1], batch * height * width * own, { device: x.device });
    const sums = group.allReduced(ops.cat([ops.mul(ops.sum(inFull, OVER), own), size]));
    const total = ops.detach(ops.slice(sums, 0, channels, null)).item();
    const mean = ops.div(ops.slice(sums, 0, 0, channels), total); // (C)
    const centred = ops.sub(inFull, asRow(mean));
    const variance = ops.div(group.allReduced(ops.mul(ops.sum(ops.mul(centred, centred), OVER), own)), total); // (C)
    follow(runningMean, mean);
    follow(runningVar, ops.mul(variance, total / (total - 1)));
    const gain = ops.div(weight, ops.sqrt(ops.add(variance, EPS)));
    return ops.toDtype(ops.add(ops.mul(centred, asRow(gain)), asRow(bias)), x.dtype);
  });
}

function follow(running: Tensor, value: Tensor): void {
  noGrad(() => ops.foreachLerp_([running], [ops.toDtype(ops.detach(value), running.dtype)], MOMENTUM));
}
