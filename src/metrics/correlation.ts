import type { Ranks } from './levels.js';

/**
 * Spearman's rank correlation, in [-1, 1]: Pearson's of the ranks, equal values sharing the mean of theirs (Spearman 1904). Null where one
 * of the two is the same for every picture.
 *
 * @param drawn positions of the pictures that count, each as often as it stands there; every picture once when left out
 */
export function spearman(x: Ranks, y: Ranks, drawn?: Int32Array): number | null {
  const chosen = drawn ?? Int32Array.from(x.level, (_, i) => i);
  const a = midranks(x, chosen);
  const b = midranks(y, chosen);
  // The mean of all ranks.
  const middle = (chosen.length + 1) / 2;
  let product = 0;
  let squaresA = 0;
  let squaresB = 0;
  for (let i = 0; i < chosen.length; i++) {
    const [da, db] = [(a[i] as number) - middle, (b[i] as number) - middle];
    product += da * db;
    squaresA += da * da;
    squaresB += db * db;
  }
  // Sums of multiples of a quarter: exact, and 0 only for a constant.
  return squaresA === 0 || squaresB === 0 ? null : clamp(product / Math.sqrt(squaresA * squaresB));
}

/** Rank of each chosen picture, from 1. */
function midranks({ values, level }: Ranks, chosen: Int32Array): Float64Array {
  const counts = new Float64Array(values.length);
  for (const i of chosen) counts[level[i] as number] = (counts[level[i] as number] as number) + 1;
  let below = 0;
  const ranks = counts.map((count) => {
    below += count;
    return below - (count - 1) / 2;
  });
  return Float64Array.from(chosen, (i) => ranks[level[i] as number] as number);
}

function clamp(correlation: number): number {
  return Math.min(1, Math.max(-1, correlation));
}
