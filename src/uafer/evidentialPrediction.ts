import type { Tensor } from '../engine/index.js';
import { floats } from '../task/softmaxPrediction.js';
import type { BatchPrediction } from '../task/task.js';
import { dirichlet, type EvidenceName } from './evidence.js';

/** What logits (B, C) say as evidence: expected probabilities, vacuity and the evidence itself. */
export function evidentialPrediction(logits: Tensor, name: EvidenceName): BatchPrediction {
  const { probability, uncertainty, evidence } = dirichlet(logits, name);
  return {
    logits: floats(logits),
    probabilities: floats(probability),
    uncertainty: floats(uncertainty),
    evidence: floats(evidence),
  };
}
