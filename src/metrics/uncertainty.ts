const BINS = 15;

/**
 * Expected calibration error, in [0, 1], lower is better: sum_b n_b / n |accuracy_b - confidence_b| over 15 bins of equal width, bin b
 * being (b / 15, (b + 1) / 15] (Naeini et al. 2015; Guo et al. 2017). `confidence` is the probability of the predicted class.
 */
export function expectedCalibrationError(confidence: readonly number[], correct: readonly boolean[]): number {
  // |hits_b - sum of confidences in b| = n_b |accuracy_b - confidence_b|.
  const gaps = new Array<number>(BINS).fill(0);
  confidence.forEach((value, i) => {
    const bin = Math.max(0, Math.ceil(value * BINS) - 1);
    gaps[bin] = (gaps[bin] as number) + (correct[i] ? 1 : 0) - value;
  });
  return gaps.reduce((total, gap) => total + Math.abs(gap), 0) / confidence.length;
}

/**
 * Area under the ROC curve of uncertainty as a detector of errors, in [0, 1], higher is better, 0.5 is chance: the probability that
 * a wrong prediction is more uncertain than a right one, ties counting half (Hendrycks and Gimpel 2017; computed as Mann and
 * Whitney 1947). Null when there are no wrong or no right predictions.
 */
export function errorAuroc(uncertainty: readonly number[], correct: readonly boolean[]): number | null {
  let rightBelow = 0;
  let wrong = 0;
  let pairs = 0;
  for (const tie of byUncertainty(uncertainty, correct)) {
    pairs += tie.wrong * (rightBelow + tie.right / 2);
    rightBelow += tie.right;
    wrong += tie.wrong;
  }
  return wrong === 0 || rightBelow === 0 ? null : pairs / (wrong * rightBelow);
}

/**
 * Area under the risk-coverage curve, in [0, 1], lower is better: (1 / n) sum_k risk(k), where risk(k) is the share of errors
 * among the k least uncertain predictions (Geifman et al. 2019). Among equally uncertain predictions errors are spread evenly, so
 * the order of the pictures has no influence.
 */
export function areaUnderRiskCoverage(uncertainty: readonly number[], correct: readonly boolean[]): number {
  let covered = 0;
  let errors = 0;
  let area = 0;
  for (const { right, wrong } of byUncertainty(uncertainty, correct)) {
    const size = right + wrong;
    for (let k = 1; k <= size; k++) area += (errors + (wrong * k) / size) / (covered + k);
    covered += size;
    errors += wrong;
  }
  return area / covered;
}

/** Counts of right and wrong predictions at each level of uncertainty, least uncertain first. */
function byUncertainty(uncertainty: readonly number[], correct: readonly boolean[]): { right: number; wrong: number }[] {
  const levels = new Map<number, { right: number; wrong: number }>();
  uncertainty.forEach((value, i) => {
    const level = levels.get(value) ?? { right: 0, wrong: 0 };
    level[correct[i] ? 'right' : 'wrong'] += 1;
    levels.set(value, level);
  });
  return [...levels].sort(([a], [b]) => a - b).map(([, level]) => level);
}
