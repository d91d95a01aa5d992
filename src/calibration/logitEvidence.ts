/** Evidence for a network that has none: a Dirichlet distribution from its logits, fitted to people's votes. */
import { UaferError } from '../errors.js';
import { minimizeOnLine } from '../metrics/optimize.js';
import { dirichletMultinomialLogLikelihood } from '../metrics/votes.js';

/** Parameters a = exp(slope logit + offset) + 1e-4. */
export interface LogitEvidence {
  slope: number;
  offset: number;
}

export interface VotedLogits {
  /** (C). */
  logits: readonly number[];
  /** Raw counts of the C classes. */
  votes: readonly number[];
}

/** Of exp(slope logit + offset): a network far from its training doesn't give infinite evidence. */
const LARGEST_EXPONENT = 30;
/** Keeps a class that has no evidence possible. */
const SMALLEST_ALPHA = 1e-4;
const SLOPES = { low: -Math.log(1000), high: Math.log(1000) };
/** With these the evidence at a picture's largest logit is almost none, or so large that more changes nothing. */
const OFFSETS = { low: -12, high: 12 };

/** Parameters (C) of the Dirichlet distribution. */
export function evidenceOfLogits(logits: readonly number[], { slope, offset }: LogitEvidence): number[] {
  return logits.map((logit) => Math.exp(Math.min(LARGEST_EXPONENT, slope * logit + offset)) + SMALLEST_ALPHA);
}

/**
 * Slope and offset under which the votes are most likely as draws from Dirichlet-multinomials: the slope says how far answers are apart, the
 * offset how much evidence there is. The same numbers give the same result to the last bit.
 *
 * @throws UaferError `DATA` when no picture has two votes: one vote says nothing of the strength
 */
export function fitLogitEvidence(rows: readonly VotedLogits[]): LogitEvidence {
  if (!rows.some(({ votes }) => votes.reduce((sum, count) => sum + count, 0) > 1))
    throw new UaferError('DATA', 'Evidence is fitted to votes: expected pictures with two votes and more.');
  // Relative to its largest logit a picture's evidence says by the offset alone how large it is.
  const largest = rows.map(({ logits }) => Math.max(...logits));
  const mean = largest.reduce((sum, logit) => sum + logit, 0) / rows.length;
  const centred = rows.map(({ logits, votes }) => ({ logits: logits.map((logit) => logit - mean), votes }));
  const slope = Math.exp(minimizeOnLine((log) => loss(centred, withOffset(centred, Math.exp(log))), SLOPES.low, SLOPES.high));
  const fitted = withOffset(centred, slope);
  return { slope, offset: fitted.offset - slope * mean };
}

function loss(rows: readonly VotedLogits[], evidence: LogitEvidence): number {
  return rows.reduce(
    (sum, { logits, votes }) => sum - dirichletMultinomialLogLikelihood(votes, evidenceOfLogits(logits, evidence)),
    0,
  );
}

/** The best offset for a slope: where the loss stops falling, bisected to the last bit. */
function withOffset(rows: readonly VotedLogits[], slope: number): LogitEvidence {
  let { low, high } = OFFSETS;
  for (;;) {
    const offset = (low + high) / 2;
    if (offset <= low || offset >= high) return { slope, offset };
    if (slopeByOffset(rows, { slope, offset }) < 0) low = offset;
    else high = offset;
  }
}

/** d loss / d offset = sum_k e_k ([psi(S + n) - psi(S)] - [psi(a_k + n_k) - psi(a_k)]) over the pictures, e = a - 1e-4. */
function slopeByOffset(rows: readonly VotedLogits[], evidence: LogitEvidence): number {
  let total = 0;
  for (const { logits, votes } of rows) {
    const alpha = evidenceOfLogits(logits, evidence);
    let [strength, count] = [0, 0];
    for (const [k, a] of alpha.entries()) {
      strength += a;
      count += votes[k] as number;
    }
    const whole = harmonic(strength, count);
    for (const [k, a] of alpha.entries()) {
      if (evidence.slope * (logits[k] as number) + evidence.offset >= LARGEST_EXPONENT) continue;
      total += (a - SMALLEST_ALPHA) * (whole - harmonic(a, votes[k] as number));
    }
  }
  return total;
}

/** psi(a + n) - psi(a) = sum_{i < n} 1 / (a + i) for whole n. */
function harmonic(a: number, n: number): number {
  let total = 0;
  for (let i = 0; i < n; i++) total += 1 / (a + i);
  return total;
}
