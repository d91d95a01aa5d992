import { ops, scope, type Tensor } from '../engine/index.js';

/** Dimension of the classes in (B, C). */
const CLASSES = 1;

/** Cross-entropy with shares (B, C) that sum to 1: the mean over the batch of -sum_c share_c log softmax(logits)_c. */
export function softCrossEntropy(logits: Tensor, shares: Tensor): Tensor {
  return scope(() => ops.neg(ops.mean(ops.sum(ops.mul(shares, ops.logSoftmax(logits, CLASSES)), CLASSES))));
}
