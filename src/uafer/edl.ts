/** The evidential classification losses (Sensoy et al. 2018) with their regularisers, sample by sample. */

import type { LossConfig } from '../config/schema.js';
import { noGrad, ops, scope, type Tensor } from '../engine/index.js';
import type { Dirichlet } from './evidence.js';
import { accuracyVersusUncertainty, klToUniform, misleadingAlpha } from './ruc.js';

/** Dimension of the classes in (B, C). */
const CLASSES = 1;

/** What decides an evidential loss. */
export type EdlConfig = Pick<LossConfig, 'edlType' | 'withKl' | 'withAvu' | 'disentangle'>;

/** The terms of an evidential loss, each (B, 1). */
export interface EdlTerms {
  classification: Tensor;
  /** Variance of the Dirichlet distribution, summed over the classes; to be reported, without a gradient. */
  variance?: Tensor;
  /** KL of the misleading evidence, times the annealing coefficient. */
  kl?: Tensor;
  /** Accuracy versus uncertainty, annealed. */
  avu?: Tensor;
}

/**
 * The terms of the evidential loss of one batch's opinions (B, C). `cross_entropy` always has KL; the others on request. AvU belongs to `log` and
 * `digamma`, and only without KL. `mse` and `cross_entropy` report the variance.
 *
 * @param labels (B) int64
 * @param coefficient of annealing, in [0, 1]
 */
export function edlTerms(opinion: Dirichlet, labels: Tensor, config: EdlConfig, coefficient: number): EdlTerms {
  const { edlType, disentangle } = config;
  const likelihood = edlType === 'log' || edlType === 'digamma';
  const withKl = config.withKl || edlType === 'cross_entropy';
  return scope(() => {
    const { alpha } = opinion;
    const y = ops.toDtype(ops.oneHot(labels, alpha.shape[CLASSES] as number), alpha.dtype); // (B, C)
    const terms: EdlTerms = { classification: classificationTerm(opinion, y, edlType) };
    if (!likelihood) terms.variance = noGrad(() => dirichletVariance(opinion));
    if (withKl) terms.kl = ops.mul(klToUniform(misleadingAlpha(alpha, y)), coefficient);
    else if (likelihood && config.withAvu) {
      terms.avu = accuracyVersusUncertainty(opinion, labels, coefficient, { disentangle });
    }
    return terms;
  });
}

/**
 * (B, 1), with y one-hot: `mse` sum_c (y_c - a_c / S)^2, `log` sum_c y_c (log S - log a_c) (type II maximum likelihood),
 * `digamma` the same with psi (the expected cross-entropy), `cross_entropy` -log(a_y / S).
 */
function classificationTerm({ alpha, strength, probability }: Dirichlet, y: Tensor, edlType: EdlConfig['edlType']): Tensor {
  const overClasses = (x: Tensor) => ops.sum(x, CLASSES, true);
  switch (edlType) {
    case 'mse': {
      const error = ops.sub(y, probability);
      return overClasses(ops.mul(error, error));
    }
    case 'log':
      return overClasses(ops.mul(y, ops.sub(ops.log(strength), ops.log(alpha))));
    case 'digamma':
      return overClasses(ops.mul(y, ops.sub(ops.digamma(strength), ops.digamma(alpha))));
    case 'cross_entropy':
      return ops.neg(overClasses(ops.mul(y, ops.log(probability))));
  }
}

/** (B, 1) sum_c a_c (S - a_c) / (S^2 (S + 1)). */
function dirichletVariance({ alpha, strength, probability }: Dirichlet): Tensor {
  const rest = ops.div(ops.sub(strength, alpha), ops.mul(strength, ops.add(strength, 1))); // (B, C)
  return ops.sum(ops.mul(probability, rest), CLASSES, true);
}
