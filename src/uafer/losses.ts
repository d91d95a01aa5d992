/** UA-FER's losses, put together from the configuration. */

import type { LossConfig } from '../config/schema.js';
import { ops, scope, type Tensor, tensor } from '../engine/index.js';
import { softCrossEntropy } from '../task/softCrossEntropy.js';
import type { LossParts, Moment } from '../task/task.js';
import { annealingCoefficient } from './annealing.js';
import { dirichletMultinomialLoss } from './dirichletMultinomial.js';
import { edlTerms } from './edl.js';
import { type Dirichlet, dirichlet } from './evidence.js';
import type { Opinions } from './opinions.js';
import { balancedLoss, cosineLoss, crossEntropyLoss, focalLoss, generalizedCrossEntropyLoss } from './plainLosses.js';
import { accuracyVersusUncertainty } from './ruc.js';

type Epochs = Pick<Moment, 'epoch' | 'epochs'>;

/** What answers are compared with. */
export interface Targets {
  /** (B) int64, on the device of the logits. */
  labels: Tensor;
  /** (B, C) row-major raw counts, for the likelihood of the votes. */
  counts?: Float32Array | undefined;
  /** (B, C) row-major shares of the votes, for cross-entropy with them. */
  shares?: Float32Array | undefined;
  /** (C) each class's share of the whole batch, where these are part of one: what `balanced` weighs by. */
  classShares?: Tensor | undefined;
}

/**
 * The classification loss of one batch:
 *
 *     edl:    L_cls (+ L_kl | + lambdaRuc L_avu)
 *     others: L_cls
 *
 * `dm` takes the raw counts, `ce` the shares of the votes where they are given, all else the label.
 *
 * Every term is the mean over the batch, so that parts of one make up the whole; `balanced` times a weight of the whole batch. KL and AvU are annealed by the epoch; with KL on, AvU is left out. The original reports the
 * loss of evaluation with AvU at full weight: `lambdaRuc` 1.
 *
 * @param logits (B, C) of any floating-point type; half precision is computed in float32
 * @returns the scalar loss and its parts before weighting: `loss_cls`, and where the loss has them `loss_var` (reported, not in the
 *   loss), `loss_kl` (annealed) and `loss_avu` (annealed)
 */
export function classificationLoss(logits: Tensor, targets: Targets, config: LossConfig, { epoch, epochs }: Epochs): LossParts {
  return scope(() => {
    const x = inFullPrecision(logits);
    if (config.lossFunction !== 'edl') {
      const loss = plainLoss(x, targets, config.lossFunction);
      return { loss, parts: { loss_cls: loss } };
    }
    const coefficient = annealingCoefficient(config.annealing, epoch, epochs);
    return evidentialLoss(dirichlet(x, config.evidence), targets.labels, config, coefficient);
  });
}

/**
 * The evidential loss of opinions that were fused (Zhou et al. 2024; Han et al. 2021, equation 12):
 *
 *     L(fused) + lambdaBranch (L(global) + L(local)) + lambdaRuc L_avu(fused),    L = L_cls (+ L_kl)
 *
 * AvU stands beside KL here, and beside every kind of L_cls.
 *
 * @returns the loss and its parts before weighting: `loss_cls` and `loss_kl` of the fused opinion, `loss_global`, `loss_local` and `loss_avu`
 */
export function opinionsLoss(
  { fused, global, local }: Opinions,
  labels: Tensor,
  config: LossConfig,
  { epoch, epochs }: Epochs,
): LossParts {
  return scope(() => {
    const coefficient = annealingCoefficient(config.annealing, epoch, epochs);
    const own = (opinion: Dirichlet) => evidentialLoss(opinion, labels, { ...config, withAvu: false }, coefficient);
    const { loss: fusedLoss, parts } = own(fused);
    let loss = fusedLoss;
    if (config.lambdaBranch > 0) {
      parts.loss_global = own(global).loss;
      parts.loss_local = own(local).loss;
      loss = ops.add(loss, ops.add(parts.loss_global, parts.loss_local), config.lambdaBranch);
    }
    if (config.withAvu) {
      parts.loss_avu = ops.mean(accuracyVersusUncertainty(fused, labels, coefficient, { disentangle: config.disentangle }));
      loss = ops.add(loss, parts.loss_avu, config.lambdaRuc);
    }
    return { loss, parts };
  });
}

/**
 * Distillation from the frozen CLIP, which keeps the student near it: L_kd = mean |g - teacher|.
 *
 * @param features g (B, D), the student's CLS features, of unit length
 * @param teacher (B, D), the frozen CLIP's CLS features of the same pictures, not normalised
 * @returns scalar
 */
export function distillationLoss(features: Tensor, teacher: Tensor): Tensor {
  return scope(() => ops.mean(ops.abs(ops.sub(features, teacher))));
}

type PlainLoss = Exclude<LossConfig['lossFunction'], 'edl'>;

function plainLoss(logits: Tensor, { labels, counts, shares, classShares }: Targets, name: PlainLoss): Tensor {
  if (name === 'dm') return dirichletMultinomialLoss(logits, counts ?? oneVote(labels, logits));
  if (name === 'ce' && shares) return softCrossEntropy(logits, tensor(shares, logits.shape, { device: logits.device }));
  if (name === 'balanced') return balancedLoss(logits, labels, classShares);
  return PLAIN_LOSSES[name](logits, labels);
}

/** A label without votes is what one annotator said. */
function oneVote(labels: Tensor, logits: Tensor): Float32Array {
  const classes = logits.shape[1] as number;
  return Float32Array.from(ops.toDtype(ops.toDevice(ops.oneHot(labels, classes), 'cpu'), 'float32').data() as Float32Array);
}

const PLAIN_LOSSES = {
  ce: crossEntropyLoss,
  focal: focalLoss,
  cosine: cosineLoss,
  gce: generalizedCrossEntropyLoss,
} satisfies Record<Exclude<PlainLoss, 'dm' | 'balanced'>, (logits: Tensor, labels: Tensor) => Tensor>;

function evidentialLoss(opinion: Dirichlet, labels: Tensor, config: LossConfig, coefficient: number): LossParts {
  const { classification, variance, kl, avu } = edlTerms(opinion, labels, config, coefficient);
  const parts: Record<string, Tensor> = { loss_cls: ops.mean(classification) };
  if (variance) parts.loss_var = ops.mean(variance);
  if (kl) parts.loss_kl = ops.mean(kl);
  if (avu) parts.loss_avu = ops.mean(avu);
  let loss = parts.loss_cls as Tensor;
  if (parts.loss_kl) loss = ops.add(loss, parts.loss_kl);
  if (parts.loss_avu) loss = ops.add(loss, parts.loss_avu, config.lambdaRuc);
  return { loss, parts };
}

/** Logarithms and gamma functions need more than half precision. */
function inFullPrecision(x: Tensor): Tensor {
  return x.dtype === 'float16' || x.dtype === 'bfloat16' ? ops.toDtype(x, 'float32') : x;
}
