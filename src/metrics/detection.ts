/**
 * How well a score finds what is to be found: errors among predictions, or pictures unlike those that the model learned from. A larger
 * score speaks for a positive. Each figure is null where there is no positive or no negative.
 */
import { forEachLevel, type Levels, reversed, totals } from './levels.js';

/**
 * Area under the ROC curve, in [0, 1], higher is better, 0.5 is chance: the probability that a positive has a larger score than a
 * negative, ties counting half (Hendrycks and Gimpel 2017; computed as Mann and Whitney 1947). No increasing map of the score changes
 * it.
 */
export function auroc(levels: Levels): number | null {
  let below = 0;
  let pairs = 0;
  forEachLevel(levels, ({ positive, negative }) => {
    pairs += positive * (below + negative / 2);
    below += negative;
  });
  const all = totals(levels);
  return all.positive === 0 || all.negative === 0 ? null : pairs / (all.positive * all.negative);
}

/**
 * Area under the precision-recall curve as average precision, in [0, 1], higher is better; chance is the share of positives:
 * sum_t (recall_t - recall_{t-1}) precision_t over the thresholds t from the largest score down, equal scores together.
 */
export function averagePrecision(levels: Levels): number | null {
  const all = totals(levels);
  if (all.positive === 0 || all.negative === 0) return null;
  let found = 0;
  let flagged = 0;
  let area = 0;
  forEachLevel(reversed(levels), ({ positive, negative }) => {
    found += positive;
    flagged += positive + negative;
    area += (positive / all.positive) * (found / flagged);
  });
  return area;
}

/**
 * Share of the negatives that are flagged too by the highest threshold that flags at least the share `recall` of the positives, in
 * [0, 1], lower is better. At 0.95 it is FPR95. The positives are what is to be found (errors, outliers); some papers have it the other
 * way round.
 */
export function falsePositiveRate(levels: Levels, recall = 0.95): number | null {
  const all = totals(levels);
  if (all.positive === 0 || all.negative === 0) return null;
  let found = 0;
  let flagged = 0;
  let rate: number | null = null;
  forEachLevel(reversed(levels), ({ positive, negative }) => {
    found += positive;
    flagged += negative;
    if (rate === null && found / all.positive >= recall) rate = flagged / all.negative;
  });
  return rate ?? 1;
}
