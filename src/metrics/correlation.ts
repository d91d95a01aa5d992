import type { Ranks } from './levels.js';

/**
 * Spearman's rank correlation, in [-1, 1]: Pearson's of the ranks, equal values sharing the mean of theirs (Spearman 1904). Null where one
 * of the two is the same for every picture.
 */
export function spearman(x: Ranks, y: Ranks): number | null {
  return rankCorrelation(midranks(x), midranks(y));
}

/** Pearson's correlation of the ranks of two scores; null where one is the same for every picture. */
export function rankCorrelation(a: Float64Array, b: Float64Array): number | null {
  // The mean of all ranks.
  const middle = (a.length + 1) / 2;
  let product = 0;
  let squaresA = 0;
  let squaresB = 0;
  for (let i = 0; i < a.length; i++) {
    const da = (a[i] as number) - middle;
    const db = (b[i] as number) - middle;
    product += da * db;
    squaresA += da * da;
    squaresB += db * db;
  }
  // Sums of multiples of a quarter: exact, and 0 only for a constant.
  return squaresA === 0 || squaresB === 0 ? null : clamp(product / Math.sqrt(squaresA * squaresB));
}

/**
 * Rank of each picture, from 1; equal values share the mean of theirs.
 *
 * @param drawn positions of the pictures that count, each as often as it stands there; every picture once when left out
 */
export function midranks({ values, level }: Ranks, drawn?: Int32Array): Float64Array {
  const levels = drawn ? drawn.map((i) => level[i] as number) : level;
  const ranks = new Float64Array(values.length);
  for (const at of levels) ranks[at] = (ranks[at] as number) + 1;
  let below = 0;
  for (let i = 0; i < ranks.length; i++) {
    const count = ranks[i] as number;
    below += count;
    ranks[i] = below - (count - 1) / 2;
  }
  return Float64Array.from(levels, (at) => ranks[at] as number);
}

function clamp(correlation: number): number {
  return Math.min(1, Math.max(-1, correlation));
}
