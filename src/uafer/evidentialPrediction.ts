import type { Tensor } from '../engine/index.js';
import { floats } from '../task/softmaxPrediction.js';
import type { BatchPrediction } from '../task/task.js';
import { dirichlet, type EvidenceName } from './evidence.js';

/** What logits (B, C) say as evidence: expected probabilities, vacuity and the Dirichlet's strength. */
export function evidentialPrediction(logits: Tensor, evidence: EvidenceName): BatchPrediction {
  const { probability, uncertainty, strength } = dirichlet(logits, evidence);
  return {
    logits: floats(logits),
    probabilities: floats(probability),
    uncertainty: floats(uncertainty),
    strength: floats(strength),
  };
}
