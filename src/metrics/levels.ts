/**
 * Scores by their order. What is asked of a score (does it find errors, what if the most uncertain are left out) depends on the order of
 * its values alone, and equal values cannot be told apart: so the pictures are counted at each level of the score, and no figure depends
 * on the order of the pictures.
 */
import { UaferError } from '../errors.js';

/** Values by their place among the distinct ones. */
export interface Ranks {
  /** The distinct values, ascending. */
  values: Float64Array;
  /** Of each picture: the position of its value in `values`. */
  level: Int32Array;
}

/** At each level of a score, smallest first: how many pictures are to be found (errors, outliers) and how many are not. */
export interface Levels {
  values: Float64Array;
  positive: Float64Array;
  negative: Float64Array;
}

/** Throws `DATA` for a value that is not a number. */
export function ranksOf(scores: ArrayLike<number>): Ranks {
  const sorted = Float64Array.from(scores).sort();
  if (Number.isNaN(sorted.at(-1))) {
    const at = Array.from(scores).findIndex((score) => Number.isNaN(score));
    throw new UaferError('DATA', `The score of picture ${at} (from 0) is not a number: the model's answer is broken.`);
  }
  const values = sorted.filter((value, i) => i === 0 || value !== sorted[i - 1]);
  return { values, level: Int32Array.from(scores, (score) => positionIn(values, score)) };
}

/**
 * Counts the pictures at each level.
 *
 * @param positive of each picture, whether it is one of those to be found
 * @param drawn positions of the pictures that count, each as often as it stands there; every picture once when left out
 */
export function countLevels({ values, level }: Ranks, positive: ArrayLike<boolean>, drawn?: Int32Array): Levels {
  if (positive.length !== level.length) {
    throw new UaferError(
      'DATA',
      `${level.length} scores stand beside ${positive.length} outcomes: expected one outcome a score.`,
    );
  }
  const counts = { values, positive: new Float64Array(values.length), negative: new Float64Array(values.length) };
  const count = (i: number) => {
    const side = positive[i] ? counts.positive : counts.negative;
    const at = level[i] as number;
    side[at] = (side[at] as number) + 1;
  };
  if (drawn) drawn.forEach(count);
  else for (let i = 0; i < level.length; i++) count(i);
  return counts;
}

/** The levels of a score and what is to be found by it: a value and an outcome a picture. */
export function levelsOf(scores: ArrayLike<number>, positive: ArrayLike<boolean>): Levels {
  return countLevels(ranksOf(scores), positive);
}

/** Tells each level at which there is a picture, smallest value first. */
export function forEachLevel(
  { values, positive, negative }: Levels,
  tell: (level: { value: number; positive: number; negative: number }) => void,
): void {
  for (let i = 0; i < values.length; i++) {
    const here = { value: values[i] as number, positive: positive[i] as number, negative: negative[i] as number };
    if (here.positive + here.negative > 0) tell(here);
  }
}

/** The levels of the opposite score: the largest value first. */
export function reversed({ values, positive, negative }: Levels): Levels {
  return { values: values.map((value) => -value).reverse(), positive: positive.toReversed(), negative: negative.toReversed() };
}

/** How many pictures there are on each side. */
export function totals({ positive, negative }: Levels): { positive: number; negative: number } {
  return { positive: sum(positive), negative: sum(negative) };
}

function positionIn(ascending: Float64Array, value: number): number {
  let low = 0;
  let high = ascending.length - 1;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((ascending[middle] as number) < value) low = middle + 1;
    else high = middle;
  }
  return low;
}

function sum(counts: Float64Array): number {
  let total = 0;
  for (const count of counts) total += count;
  return total;
}
