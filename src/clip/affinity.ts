/** Affinities of images and texts: dot products of features of unit length. */
import { ops, scope, type Tensor } from '../engine/index.js';

/** Dimension of the patches in (B, N, C). */
const PATCHES = 1;

/** (B, C) dot products of CLS features (B, D) and text features (C, D). */
export function globalScore(cls: Tensor, text: Tensor): Tensor {
  return ops.linear(cls, text);
}

/** (B, N, C) dot products of patch features (B, N, D) and text features (C, D): what each patch says for each class. */
export function patchAffinities(patches: Tensor, text: Tensor): Tensor {
  return ops.linear(patches, text);
}

/**
 * Local affinity of each class (Zhou et al. 2024): the mean of the `topk` largest of the N patch-text dot products.
 *
 * @param patches (B, N, D) patch features of unit length
 * @param text (C, D) text features
 * @returns (B, C)
 */
export function localScore(patches: Tensor, text: Tensor, topk: number): Tensor {
  return scope(() => {
    const products = patchAffinities(patches, text); // (B, N, C)
    return ops.mean(ops.topk(products, topk, PATCHES).values, PATCHES);
  });
}

/** x / |x| over one dimension. */
export function unitLength(x: Tensor, dim: number): Tensor {
  return scope(() => ops.div(x, ops.vectorNorm(x, dim, true)));
}
