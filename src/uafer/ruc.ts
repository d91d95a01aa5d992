/** Relation uncertainty calibration: the terms that teach the Dirichlet distribution when to be uncertain. */
import { ops, scope, type Tensor } from '../engine/index.js';
import type { Dirichlet } from './evidence.js';

/** Dimension of the classes in (B, C). */
const CLASSES = 1;
/** Keeps logarithms of zero finite. */
const EPSILON = 1e-10;

/**
 * KL divergence from the uniform Dirichlet, at least 0, and 0 where all a_c are 1 (Sensoy et al. 2018, section 4):
 *
 *     KL = lgamma(S) - lgamma(C) - sum_c lgamma(a_c) + sum_c (a_c - 1) (psi(a_c) - psi(S))
 *
 * @param alpha (B, C), positive
 * @returns (B, 1)
 */
export function klToUniform(alpha: Tensor): Tensor {
  return scope(() => {
    const strength = ops.sum(alpha, CLASSES, true); // (B, 1)
    const logNormalizer = ops.sub(ops.lgamma(strength), ops.sum(ops.lgamma(alpha), CLASSES, true)); // (B, 1)
    const expectedLog = ops.sub(ops.digamma(alpha), ops.digamma(strength)); // (B, C) E[log p_c]
    const moved = ops.sum(ops.mul(ops.sub(alpha, 1), expectedLog), CLASSES, true); // (B, 1)
    return ops.sub(ops.add(moved, logNormalizer), logFactorial((alpha.shape[CLASSES] as number) - 1));
  });
}

/**
 * a~ = y + (1 - y) a: the Dirichlet parameters with the true class's evidence taken away, so that what is left misleads (Sensoy et
 * al. 2018).
 *
 * @param alpha (B, C)
 * @param oneHot (B, C) the labels, in the type of `alpha`
 * @returns (B, C)
 */
export function misleadingAlpha(alpha: Tensor, oneHot: Tensor): Tensor {
  return scope(() => ops.add(oneHot, ops.mul(ops.sub(1, oneHot), alpha)));
}

/**
 * Accuracy versus uncertainty, at least 0: a right prediction ought to be certain, a wrong one uncertain (Krishnan and Tickoo
 * 2020, for evidence as in the paper). With p the largest probability, u the vacuity and c the annealing coefficient:
 *
 *     right: -c p log(1 - u)    wrong: -(1 - c) (1 - p) log u
 *
 * so that wrong predictions matter early in training and right ones late. Disentangled, confidence stands inside the logarithm:
 *
 *     right: -c log(p (1 - u))  wrong: -(1 - c) log((1 - p) u)
 *
 * @param labels (B) int64
 * @param coefficient c, in [0, 1]
 * @returns (B, 1)
 */
export function accuracyVersusUncertainty(
  { probability, uncertainty }: Pick<Dirichlet, 'probability' | 'uncertainty'>,
  labels: Tensor,
  coefficient: number,
  options: { disentangle: boolean },
): Tensor {
  const term = options.disentangle ? disentangledTerm : confidenceWeightedTerm;
  return scope(() => {
    const { values: confidence, indices: predicted } = ops.maxDim(probability, CLASSES, true); // (B, 1) each
    const right = ops.eq(predicted, ops.unsqueeze(labels, CLASSES)); // (B, 1)
    const certain = term(confidence, ops.sub(1, uncertainty)); // (B, 1)
    const uncertain = term(ops.sub(1, confidence), uncertainty); // (B, 1)
    return ops.where(right, ops.mul(certain, coefficient), ops.mul(uncertain, 1 - coefficient));
  });
}

/** -p log q. */
function confidenceWeightedTerm(p: Tensor, q: Tensor): Tensor {
  return ops.neg(ops.mul(p, ops.log(ops.add(q, EPSILON))));
}

/** -log(p q). */
function disentangledTerm(p: Tensor, q: Tensor): Tensor {
  return ops.neg(ops.log(ops.add(ops.mul(p, q), EPSILON)));
}

/** log n!. */
function logFactorial(n: number): number {
  let total = 0;
  for (let i = 2; i <= n; i++) total += Math.log(i);
  return total;
}
