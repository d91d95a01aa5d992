/** Mixup (Zhang et al. 2018): each picture of a batch mixed with the one that stands in its place when the batch is turned round. */
import { ops, scope, type Tensor } from '../engine/index.js';
import { createRandom, STREAMS, symmetricBeta } from '../random.js';
import type { Moment } from './task.js';

/** The share that a picture has of itself, one for the batch, drawn from Beta(a, a) by seed, epoch and step; 1 where a is 0: nothing is mixed. */
export function mixingShare(a: number, seed: number, { epoch, step }: Pick<Moment, 'epoch' | 'step'>): number {
  return a === 0 ? 1 : symmetricBeta(a, createRandom({ seed, epoch, stream: STREAMS.mixup, position: step }));
}

/** share of each row of (B, ...), 1 - share of the row in its place from the end. */
export function mixRows(x: Tensor, share: number): Tensor {
  return scope(() => ops.lerp(ops.flip(x, [0]), x, share));
}
