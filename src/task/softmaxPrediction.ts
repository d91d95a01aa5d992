import { ops, type Tensor } from '../engine/index.js';
import type { BatchPrediction } from './task.js';

/** What logits (B, C) say under softmax; the uncertainty is the entropy over log C, from 0 (certain) to 1 (uniform). */
export function softmaxPrediction(logits: Tensor): BatchPrediction {
  const logProbabilities = ops.logSoftmax(ops.toDtype(logits, 'float32'), 1);
  const probabilities = ops.exp(logProbabilities);
  const entropy = ops.neg(ops.sum(ops.mul(probabilities, logProbabilities), 1)); // (B)
  // Of one class the entropy is 0, whatever divides it.
  const classes = Math.max(2, logits.shape[1] as number);
  return {
    logits: floats(logits),
    probabilities: floats(probabilities),
    uncertainty: floats(ops.div(entropy, Math.log(classes))),
  };
}

/** The elements as single-precision numbers: a copy that outlives the tensor. */
export function floats(x: Tensor): Float32Array {
  return Float32Array.from(ops.toDtype(x, 'float32').data() as Float32Array);
}
