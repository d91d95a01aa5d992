import { UaferError } from '../errors.js';
import { auroc, averagePrecision, falsePositiveRate } from './detection.js';
import { levelsOf } from './levels.js';
import { type Answer, SCORES, type ScoreName, scoreColumns } from './scores.js';

/** How well a score tells outliers from ordinary pictures. */
export interface OutlierDetection {
  auroc: number | null;
  aupr: number | null;
  fpr95: number | null;
}

/**
 * Every score as a detector of pictures unlike those that the model learned from: the answers to ordinary pictures, and to outliers
 * (another folder, corrupted pictures), which are the positives. Null for a score that the answers don't have.
 *
 * @throws UaferError `DATA` when an answer is broken, or there is none of one of the two
 */
export function detectOutliers(
  ordinary: readonly Answer[],
  outliers: readonly Answer[],
): Record<ScoreName, OutlierDetection | null> {
  if (ordinary.length === 0 || outliers.length === 0) {
    throw new UaferError(
      'DATA',
      `${ordinary.length} ordinary pictures stand beside ${outliers.length} outliers: expected some of both.`,
    );
  }
  const columns = scoreColumns([...ordinary, ...outliers]);
  const isOutlier = Array.from({ length: ordinary.length + outliers.length }, (_, i) => i >= ordinary.length);
  const detection = (scores: Float64Array): OutlierDetection => {
    const levels = levelsOf(scores, isOutlier);
    return { auroc: auroc(levels), aupr: averagePrecision(levels), fpr95: falsePositiveRate(levels) };
  };
  const rows = SCORES.map(({ name }) => {
    const scores = columns.get(name);
    return [name, scores ? detection(scores) : null];
  });
  return Object.fromEntries(rows);
}
