/** UA-FER's losses, put together from the configuration. */

import type { LossConfig } from '../config/schema.js';
import { ops, scope, type Tensor } from '../engine/index.js';
import type { LossParts, Moment } from '../task/task.js';
import { annealingCoefficient } from './annealing.js';
import { edlTerms } from './edl.js';
import { balancedLoss, cosineLoss, crossEntropyLoss, focalLoss, generalizedCrossEntropyLoss } from './plainLosses.js';

type Epochs = Pick<Moment, 'epoch' | 'epochs'>;

/**
 * The classification loss of one batch:
 *
 *     edl:    L_cls (+ L_kl | + lambdaRuc L_avu)
 *     others: L_cls
 *
 * Every term is the mean over the batch. KL and AvU are annealed by the epoch; with KL on, AvU is left out. The original reports the
 * loss of evaluation with AvU at full weight: `lambdaRuc` 1.
 *
 * @param logits (B, C) of any floating-point type; half precision is computed in float32
 * @param labels (B) int64, on the device of the logits
 * @returns the scalar loss and its parts before weighting: `loss_cls`, and where the loss has them `loss_var` (reported, not in the
 *   loss), `loss_kl` (annealed) and `loss_avu` (annealed)
 */
export function classificationLoss(logits: Tensor, labels: Tensor, config: LossConfig, { epoch, epochs }: Epochs): LossParts {
  return scope(() => {
    const x = inFullPrecision(logits);
    if (config.lossFunction !== 'edl') {
      const loss = PLAIN_LOSSES[config.lossFunction](x, labels);
      return { loss, parts: { loss_cls: loss } };
    }
    return evidentialLoss(x, labels, config, annealingCoefficient(config.annealing, epoch, epochs));
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

const PLAIN_LOSSES = {
  ce: crossEntropyLoss,
  focal: focalLoss,
  balanced: balancedLoss,
  cosine: cosineLoss,
  gce: generalizedCrossEntropyLoss,
} satisfies Record<Exclude<LossConfig['lossFunction'], 'edl'>, (logits: Tensor, labels: Tensor) => Tensor>;

function evidentialLoss(logits: Tensor, labels: Tensor, config: LossConfig, coefficient: number): LossParts {
  const { classification, variance, kl, avu } = edlTerms(logits, labels, config, coefficient);
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
