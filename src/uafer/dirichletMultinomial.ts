/** Votes as data: the likelihood of the raw counts under a Dirichlet distribution over what people say. */
import { ops, scope, type Tensor, tensor } from '../engine/index.js';

/** Dimension of the classes in (B, C). */
const CLASSES = 1;

/**
 * Negative log-likelihood of the votes, drawn from a Dirichlet-multinomial distribution with a = exp(logits), without the number of orders
 * that they could have come in, which no logit changes; the mean over the batch:
 *
 *     L = -[lnG(S) - lnG(S + n) + sum_k (lnG(a_k + n_k) - lnG(a_k))],  S = sum a, n = sum n_k
 *
 * (Mosimann 1962.) Computed as sum_{i < n} ln(S + i) - sum_k sum_{i < n_k} ln(a_k + i), each from the logarithms alone: no logit is too large.
 * A picture whose votes disagree asks for little strength, one whose votes agree for much; a single vote is a cross-entropy.
 *
 * @param logits (B, C) logarithms of the Dirichlet's parameters
 * @param votes (B, C) whole numbers of at least 0, row-major
 * @returns scalar
 */
export function dirichletMultinomialLoss(logits: Tensor, votes: Float32Array): Tensor {
  const [rows, classes] = logits.shape as [number, number];
  const counts = Array.from({ length: rows }, (_, b) => sum(votes.subarray(b * classes, (b + 1) * classes)));
  return scope(() => {
    const first = ops.slice(logits, CLASSES, 0, 1); // (B, 1)
    const strength = ops.sub(first, ops.slice(ops.logSoftmax(logits, CLASSES), CLASSES, 0, 1)); // (B, 1) ln S
    const whole = risingSum(strength, Float32Array.from(counts));
    return ops.div(ops.sub(whole, risingSum(logits, votes)), rows);
  });
}

/** Sum over all elements of ln(x (x + 1) ... (x + n - 1)), of the logarithms of x (B, K) and their whole n. */
function risingSum(logX: Tensor, n: Float32Array): Tensor {
  const most = Math.max(...n);
  let total = ops.sum(ops.mul(logX, masked(logX, n, 0)));
  for (let i = 1; i < most; i++) {
    const logI = Math.log(i);
    // ln(e^x + i) = ln i + ln(1 + e^(x - ln i))
    const raised = ops.add(ops.softplus(ops.sub(logX, logI)), logI);
    total = ops.add(total, ops.sum(ops.mul(raised, masked(logX, n, i))));
  }
  return total;
}

/** 1 where n is more than i, else 0. */
function masked(like: Tensor, n: Float32Array, i: number): Tensor {
  const mask = Float32Array.from(n, (count) => (count > i ? 1 : 0));
  return ops.toDtype(tensor(mask, like.shape, { device: like.device }), like.dtype);
}

function sum(values: Float32Array): number {
  return values.reduce((total, value) => total + value, 0);
}
