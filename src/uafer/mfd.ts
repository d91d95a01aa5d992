import { ops, scope, type Tensor } from '../engine/index.js';

/** Dimension of the patches in (B, N, C). */
const PATCHES = 1;

/**
 * Local affinity of each class: the mean of the `topk` largest of the N patch-text dot products (UA-FER's multi-granularity
 * feature decoupling, Zhou et al. 2024).
 *
 * @param patches (B, N, D) patch features of unit length
 * @param text (C, D) text features
 * @returns (B, C)
 */
export function localScore(patches: Tensor, text: Tensor, topk: number): Tensor {
  return scope(() => {
    const affinities = ops.matmul(patches, ops.transpose(text, 0, 1)); // (B, N, C)
    return ops.mean(ops.topk(affinities, topk, PATCHES).values, PATCHES);
  });
}
