/** What becomes of pictures when the least certain are not answered: curves over the threshold, for people to choose one from. */
import { type DecisionRule, decide, type JudgedScores } from './decision.js';
import { levelsOf } from './levels.js';
import { type RiskCoveragePoint, riskCoverageCurve } from './selective.js';

/** Each from the strictest threshold to the one that answers the most. */
export interface AbstentionCurves {
  /** Every answer up to an uncertainty, whatever its risk; of pictures without one none. */
  byUncertainty: RiskCoveragePoint[];
  /** Of what the rule doesn't reject every answer up to a risk, the rule's own among them; coverage is of all pictures. */
  byRisk: RiskCoveragePoint[];
}

/** Enough to draw a curve, few enough to go with a model. */
const POINTS = 40;

/**
 * Risk against coverage by either score of a decision, at 40 thresholds or fewer: each is the first that answers another fortieth.
 *
 * @param rule whose threshold of ignorance says what is rejected, and what it reports
 * @throws UaferError `DATA` for a score that is not a number
 */
export function abstentionCurves(pictures: readonly JudgedScores[], rule: DecisionRule): AbstentionCurves {
  const known = pictures.filter(({ ignorance }) => ignorance !== undefined);
  const taken = pictures.filter((picture) => decide(picture, { ...rule, uncertainty: 1 }) !== 'reject');
  return {
    byUncertainty: curveOf(known, pictures.length, ({ ignorance }) => ignorance as number),
    byRisk: curveOf(taken, pictures.length, ({ uncertainty }) => uncertainty, rule.uncertainty),
  };
}

/**
 * @param all how many pictures there are, answered or not
 * @param own a threshold whose point is kept too
 */
function curveOf(
  pictures: readonly JudgedScores[],
  all: number,
  score: (picture: JudgedScores) => number,
  own: number | null = null,
): RiskCoveragePoint[] {
  if (pictures.length === 0) return [];
  const levels = levelsOf(
    pictures.map(score),
    pictures.map(({ correct }) => !correct),
  );
  const whole = riskCoverageCurve(levels);
  const first = (share: number) => whole.find(({ coverage }) => coverage >= share) as RiskCoveragePoint;
  const chosen = new Set(Array.from({ length: POINTS }, (_, i) => first((i + 1) / POINTS)));
  const atOwn = own === null ? undefined : whole.findLast(({ threshold }) => threshold <= own);
  return whole
    .filter((point) => chosen.has(point) || point === atOwn)
    .map((point) => ({ ...point, coverage: (point.coverage * pictures.length) / all }));
}
