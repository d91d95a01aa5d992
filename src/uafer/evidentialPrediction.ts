import type { Tensor } from '../engine/index.js';
import { floats } from '../task/softmaxPrediction.js';
import type { BatchPrediction } from '../task/task.js';
import type { Dirichlet } from './evidence.js';

/** An answer that is a Dirichlet distribution: expected probabilities, vacuity and the evidence itself, beside the logits (B, C) of its classes. */
export function evidentialPrediction(logits: Tensor, { probability, uncertainty, evidence }: Dirichlet): BatchPrediction {
  return {
    logits: floats(logits),
    probabilities: floats(probability),
    uncertainty: floats(uncertainty),
    evidence: floats(evidence),
  };
}
