/** The classification losses that aren't evidential: each the mean over a batch of logits (B, C) with labels (B) int64. */
import { ops, scope, type Tensor } from '../engine/index.js';

/** Dimension of the classes in (B, C). */
const CLASSES = 1;
/** Focusing parameter of the focal loss (Lin et al. 2017). */
const FOCAL_GAMMA = 2;
/** Truncation parameter of the generalised cross-entropy (Zhang and Sabuncu 2018). */
const GCE_Q = 0.7;
/** Probability below which the generalised cross-entropy is flat. */
const GCE_FLOOR = 1e-7;
/** A class that fills the whole batch loses this share of its weight in the balanced loss. */
const BALANCE = 0.1;

/** Cross-entropy: mean of -log softmax(x)_y. */
export function crossEntropyLoss(logits: Tensor, labels: Tensor): Tensor {
  return scope(() => ops.neg(ops.mean(logProbabilityOf(logits, labels))));
}

/** Focal loss: mean of -(1 - p_y)^gamma log p_y with p = softmax(x) (Lin et al. 2017). Gamma 0 is cross-entropy. */
export function focalLoss(logits: Tensor, labels: Tensor, gamma = FOCAL_GAMMA): Tensor {
  return scope(() => {
    const logProbability = logProbabilityOf(logits, labels); // (B, 1)
    const focus = ops.pow(ops.sub(1, ops.exp(logProbability)), gamma); // (B, 1)
    return ops.neg(ops.mean(ops.mul(focus, logProbability)));
  });
}

/**
 * The original's "balanced" focal loss. A class with the share f_c of the batch weighs w_c = 1 - f_c / 10, and the loss is
 *
 *     (mean_i w_{y_i}) (mean_i focal_i)
 *
 * The original multiplies a row of weights with a column of losses, so that every sample meets every weight: a batch with
 * few classes counts a little less as a whole, and within it no class counts more than another.
 *
 * @param classShares (C) f, where the batch is part of one whose shares count
 */
export function balancedLoss(logits: Tensor, labels: Tensor, classShares?: Tensor): Tensor {
  return scope(() => {
    const shares = classShares ?? ops.mean(oneHotOf(logits, labels), 0); // (C)
    // mean_i w_{y_i} = sum_c f_c w_c = 1 - sum_c f_c^2 / 10
    const meanWeight = ops.sub(1, ops.mul(ops.sum(ops.mul(shares, shares)), BALANCE));
    return ops.mul(focalLoss(logits, labels), meanWeight);
  });
}

/** Cosine loss, in [0, 2]: mean of 1 - x_y / |x| (Barz and Denzler 2020). */
export function cosineLoss(logits: Tensor, labels: Tensor): Tensor {
  return scope(() => {
    const cosines = ops.div(atLabels(logits, labels), ops.vectorNorm(logits, CLASSES, true)); // (B, 1)
    return ops.mean(ops.sub(1, cosines));
  });
}

/**
 * Generalised cross-entropy, in [0, 1 / q]: mean of (1 - p_y^q) / q with p = softmax(x) (Zhang and Sabuncu 2018). It goes from
 * cross-entropy (q to 0) to mean absolute error (q = 1), which forgives wrong labels.
 */
export function generalizedCrossEntropyLoss(logits: Tensor, labels: Tensor, q = GCE_Q): Tensor {
  return scope(() => {
    const probability = ops.clamp(ops.exp(logProbabilityOf(logits, labels)), GCE_FLOOR, 1); // (B, 1)
    return ops.mean(ops.div(ops.sub(1, ops.pow(probability, q)), q));
  });
}

/** (B, C) in the type of the logits. */
function oneHotOf(logits: Tensor, labels: Tensor): Tensor {
  return ops.toDtype(ops.oneHot(labels, logits.shape[CLASSES] as number), logits.dtype);
}

/** (B, 1) log softmax(x)_y. */
function logProbabilityOf(logits: Tensor, labels: Tensor): Tensor {
  return atLabels(ops.logSoftmax(logits, CLASSES), labels);
}

/** (B, C) to (B, 1): each row's value at its label. */
function atLabels(x: Tensor, labels: Tensor): Tensor {
  return ops.gather(x, CLASSES, ops.unsqueeze(labels, CLASSES));
}
