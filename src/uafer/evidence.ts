import { ops, scope, type Tensor } from '../engine/index.js';

/** From logits to evidence. */
export type EvidenceName = 'relu' | 'exp' | 'softplus';

/** Bounds of a logit before `exp`: e^10 is about 22,000 observations. */
const MAX_EXPONENT = 10;
/** Dimension of the classes in (B, C). */
const CLASSES = 1;

/** What a batch of logits says, as Dirichlet distributions over the C classes. */
export interface Dirichlet {
  /** (B, C) e, at least 0: observations in favour of each class. */
  evidence: Tensor;
  /** (B, C) a = e + 1. */
  alpha: Tensor;
  /** (B, 1) S = sum_c a_c, at least C. */
  strength: Tensor;
  /** (B, C) b = e / S; with the uncertainty it sums to 1. */
  belief: Tensor;
  /** (B, 1) vacuity u = C / S, in (0, 1]: 1 is no evidence at all. */
  uncertainty: Tensor;
  /** (B, C) the distribution's mean a / S; sums to 1. */
  probability: Tensor;
}

/**
 * Reads logits as evidence e, and evidence as the Dirichlet distribution with a = e + 1 (evidential deep learning, Sensoy et al.
 * 2018): `relu` is max(0, x), `exp` is exp(x) with x held in [-10, 10], `softplus` is log(1 + exp(x)).
 *
 * With `relu`, a row without a positive logit has no evidence: all its probabilities are 1 / C, so that a prediction is to be
 * taken from the logits.
 *
 * @param logits (B, C)
 */
export function dirichlet(logits: Tensor, name: EvidenceName): Dirichlet {
  return scope(() => dirichletOf(evidenceOf(logits, name)));
}

/** The Dirichlet distributions with a = evidence + 1, of evidence (B, C) of at least 0. */
export function dirichletOf(evidence: Tensor): Dirichlet {
  return scope(() => {
    const alpha = ops.add(evidence, 1); // (B, C)
    const strength = ops.sum(alpha, CLASSES, true); // (B, 1)
    return {
      evidence,
      alpha,
      strength,
      belief: ops.div(evidence, strength), // (B, C)
      uncertainty: ops.div(evidence.shape[CLASSES] as number, strength), // (B, 1)
      probability: ops.div(alpha, strength), // (B, C)
    };
  });
}

function evidenceOf(logits: Tensor, name: EvidenceName): Tensor {
  switch (name) {
    case 'relu':
      return ops.relu(logits);
    case 'exp':
      return ops.exp(ops.clamp(logits, -MAX_EXPONENT, MAX_EXPONENT));
    case 'softplus':
      return ops.softplus(logits);
  }
}
