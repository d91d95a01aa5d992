/**
 * What if the most uncertain pictures are left out? The levels are those of an uncertainty, and the positives are the errors. *Coverage* is
 * the share of pictures that are answered, *risk* the share of errors among them.
 */
import { forEachLevel, type Levels, totals } from './levels.js';

/** Every picture up to a threshold is answered. */
export interface RiskCoveragePoint {
  /** The largest uncertainty that is answered. */
  threshold: number;
  coverage: number;
  risk: number;
}

/** The risk-coverage curve: a point for each threshold that there is, from the least uncertain level to all pictures. */
export function riskCoverageCurve(levels: Levels): RiskCoveragePoint[] {
  const { positive, negative } = totals(levels);
  const points: RiskCoveragePoint[] = [];
  let covered = 0;
  let errors = 0;
  forEachLevel(levels, (level) => {
    covered += level.positive + level.negative;
    errors += level.positive;
    points.push({ threshold: level.value, coverage: covered / (positive + negative), risk: errors / covered });
  });
  return points;
}

/**
 * AURC, the area under the risk-coverage curve, in [0, 1], lower is better: (1 / n) sum_k risk(k), where risk(k) is the share of errors
 * among the k least uncertain predictions (Geifman et al. 2019). Among equally uncertain predictions errors are spread evenly, so
 * the order of the pictures has no influence.
 */
export function areaUnderRiskCoverage(levels: Levels): number {
  let covered = 0;
  let errors = 0;
  let area = 0;
  forEachLevel(levels, ({ positive, negative }) => {
    const size = positive + negative;
    for (let k = 1; k <= size; k++) area += (errors + (positive * k) / size) / (covered + k);
    covered += size;
    errors += positive;
  });
  return area / covered;
}

/**
 * Excess AURC, at least 0, lower is better: AURC less that of the best order, in which every error is more uncertain than every right
 * prediction (Geifman et al. 2019, with the best order's own sum in place of their integral).
 */
export function excessAreaUnderRiskCoverage(levels: Levels): number {
  const { positive: errors, negative: right } = totals(levels);
  let best = 0;
  for (let k = 1; k <= errors; k++) best += k / (right + k);
  // Rounding alone could take the best order below 0.
  return Math.max(0, areaUnderRiskCoverage(levels) - best / (right + errors));
}

/**
 * AUGRC, the area under the generalised risk-coverage curve, in [0, 1/2 + 1/2n], lower is better: (1 / n) sum_k errors(k) / n, the mean
 * share of all pictures that are answered and wrong (Traub et al. 2024). Ties as in AURC. It is
 * (1 - AUROC) acc err + err^2 / 2 + err / 2n, with the error rate err = 1 - acc.
 */
export function areaUnderGeneralizedRiskCoverage(levels: Levels): number {
  let covered = 0;
  let errors = 0;
  let area = 0;
  forEachLevel(levels, ({ positive, negative }) => {
    const size = positive + negative;
    area += errors * size + (positive * (size + 1)) / 2;
    covered += size;
    errors += positive;
  });
  return area / (covered * covered);
}

/** Largest coverage whose risk is at most `risk`, in [0, 1], higher is better; 0 where no threshold reaches it. */
export function coverageAtRisk(levels: Levels, risk: number): number {
  return riskCoverageCurve(levels).findLast((point) => point.risk <= risk)?.coverage ?? 0;
}

/** Risk at the lowest threshold that covers at least `coverage`, in [0, 1], lower is better. */
export function riskAtCoverage(levels: Levels, coverage: number): number {
  const points = riskCoverageCurve(levels);
  const point = points.find((each) => each.coverage >= coverage) ?? points.at(-1);
  return (point as RiskCoveragePoint).risk;
}
