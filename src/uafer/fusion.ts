/**
 * Fusion of two opinions about the same picture, that of the CLS feature and that of the patches, into one (Zhou et al. 2024, relation
 * uncertainty calibration).
 *
 * An opinion of subjective logic over C classes has beliefs b_c and an uncertainty u that sum to 1. With a = e + 1 it is the Dirichlet
 * distribution b_c = e_c / S, u = C / S (Josang 2016, 3.5), so that e_c = C b_c / u: the rules are computed on evidence, where they need no
 * division by what may be almost nothing.
 */
import { ops, scope, type Tensor } from '../engine/index.js';
import { type Dirichlet, dirichletOf } from './evidence.js';

export type FusionRule = 'dempster' | 'cumulative' | 'average';

/** Dimension of the classes in (B, C). */
const CLASSES = 1;

/**
 * The two opinions as one.
 *
 * - `dempster`, the reduced rule of Han et al. 2021 (trusted multi-view classification): b_c = (b1_c b2_c + b1_c u2 + b2_c u1) / (1 - K),
 *   u = u1 u2 / (1 - K), with the conflict K = sum over i != j of b1_i b2_j. Agreement counts more than its sum: two weak opinions make a
 *   sure one. As evidence e1 + e2 + e1 e2 / C, in which the conflict has gone.
 * - `cumulative` (Josang 2016, 12.3): two independent witnesses, b_c = (b1_c u2 + b2_c u1) / (u1 + u2 - u1 u2), u = u1 u2 / (u1 + u2 - u1 u2).
 *   As evidence e1 + e2.
 * - `average` (Josang 2016, 12.5): two views of the same observation, b_c = (b1_c u2 + b2_c u1) / (u1 + u2), u = 2 u1 u2 / (u1 + u2), of
 *   opinions that are trusted the less the more they contradict each other: each is discounted to b' = (1 - d) b, u' = 1 - (1 - d)(1 - u) by
 *   their `conflict` d. As evidence (e1' + e2') / 2.
 *
 * An opinion without evidence changes nothing under the first two; all three give the same for the opinions in either order.
 */
export function fuse(rule: FusionRule, first: Dirichlet, second: Dirichlet): Dirichlet {
  return scope(() => dirichletOf(fusedEvidence(rule, first, second)));
}

function fusedEvidence(rule: FusionRule, first: Dirichlet, second: Dirichlet): Tensor {
  switch (rule) {
    case 'cumulative':
      return ops.add(first.evidence, second.evidence);
    case 'dempster': {
      const classes = first.evidence.shape[CLASSES] as number;
      const agreed = ops.div(ops.mul(first.evidence, second.evidence), classes);
      return ops.add(ops.add(first.evidence, second.evidence), agreed);
    }
    case 'average': {
      const discount = conflict(first, second);
      return ops.mul(ops.add(discounted(first, discount), discounted(second, discount)), 0.5);
    }
  }
}

/**
 * How much two opinions contradict each other, (B, 1) in [0, 1]: how far their expected probabilities are apart, as far as both are sure,
 * 1/2 sum_c |p1_c - p2_c| (1 - u1) (1 - u2) (Josang 2016, 4.8: projected distance times conjunctive certainty).
 */
export function conflict(first: Dirichlet, second: Dirichlet): Tensor {
  return scope(() => {
    const distance = ops.mul(ops.sum(ops.abs(ops.sub(first.probability, second.probability)), CLASSES, true), 0.5);
    return ops.mul(distance, ops.mul(ops.sub(1, first.uncertainty), ops.sub(1, second.uncertainty)));
  });
}

/** Evidence (B, C) that is left of an opinion: C b' / u' = e C (1 - d) / (C + d sum e), without a difference of nearly equal numbers. */
function discounted({ evidence }: Dirichlet, discount: Tensor): Tensor {
  const classes = evidence.shape[CLASSES] as number;
  const left = ops.add(ops.mul(discount, ops.sum(evidence, CLASSES, true)), classes); // (B, 1), at least C
  return ops.mul(evidence, ops.div(ops.mul(ops.sub(1, discount), classes), left));
}
