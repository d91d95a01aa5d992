/**
 * From an answer to what is done with it: `report` it, say that it is `ambiguous` (people would disagree), or `reject` the picture (it is
 * not like those that the model learned from). The thresholds are fitted on pictures that are neither trained nor reported on, at stated
 * rates.
 */
import { UaferError } from '../errors.js';
import { forEachLevel, levelsOf } from './levels.js';
import { coverageAtRisk, riskCoverageCurve } from './selective.js';

export type Decision = 'report' | 'ambiguous' | 'reject';

/** What is decided on: larger is more uncertain. Any scores will do; the thresholds are of the same. */
export interface DecisionScores {
  /** Whether the answer may be wrong, e.g. 1 - max p. */
  uncertainty: number;
  /** How unlike the pictures of training it is; left out where no such score is known: nothing is rejected then. */
  ignorance?: number | undefined;
}

/** Thresholds: plain data, which goes with the model. */
export interface DecisionRule {
  /** A picture of more ignorance than this is rejected; null: none is. */
  ignorance: number | null;
  /** Of the others an answer of more uncertainty than this is ambiguous; null: every one is, for no threshold reaches the rate. */
  uncertainty: number | null;
}

export function decide({ uncertainty, ignorance }: DecisionScores, rule: DecisionRule): Decision {
  if (rule.ignorance !== null && ignorance !== undefined && ignorance > rule.ignorance) return 'reject';
  return rule.uncertainty !== null && uncertainty <= rule.uncertainty ? 'report' : 'ambiguous';
}

/** The classes that an ambiguous answer lies between: the two most probable, the more probable first (of equals the earlier). */
export function ambiguousBetween(probabilities: readonly number[]): [number, number] {
  if (probabilities.length < 2)
    throw new UaferError('DATA', 'An answer of one class cannot be ambiguous: expected two and more.');
  const order = [...probabilities.keys()].sort((a, b) => (probabilities[b] as number) - (probabilities[a] as number) || a - b);
  return [order[0] as number, order[1] as number];
}

export interface DecisionRates {
  /** Largest share of errors among what is reported. */
  risk: number;
  /** Largest share of these (good) pictures that is rejected. */
  rejected: number;
}

export interface JudgedScores extends DecisionScores {
  correct: boolean;
}

/**
 * The thresholds that hold the rates on these pictures: the lowest threshold of ignorance that rejects at most `rejected` of them; of those
 * left, the highest threshold of uncertainty with at most the share `risk` of errors below it. Equal scores are decided alike. On other
 * pictures of the same kind the rates are about the same, above as often as below.
 *
 * @throws UaferError `DATA` without pictures, or when some have an ignorance and some don't; `USAGE` for a rate outside [0, 1]
 */
export function fitDecision(pictures: readonly JudgedScores[], { risk, rejected }: DecisionRates): DecisionRule {
  for (const [name, rate] of Object.entries({ risk, rejected })) {
    if (!(rate >= 0 && rate <= 1))
      throw new UaferError('USAGE', `The rate "${name}" is ${rate}: expected a number from 0 to 1.`);
  }
  if (pictures.length === 0) throw new UaferError('DATA', 'There is no picture to fit a decision to: expected at least one.');
  const known = pictures.filter(({ ignorance }) => ignorance !== undefined);
  if (known.length > 0 && known.length < pictures.length) {
    throw new UaferError('DATA', 'Some pictures have an ignorance and some have none: expected the scores of one model.');
  }
  const ignorance = known.length === 0 ? null : rejection(known, rejected);
  const left = pictures.filter((picture) => !(ignorance !== null && (picture.ignorance as number) > ignorance));
  return { ignorance, uncertainty: reporting(left, risk) };
}

/** The lowest value above which at most the share `rate` of the pictures lies. */
function rejection(pictures: readonly JudgedScores[], rate: number): number {
  const levels = levelsOf(
    pictures.map(({ ignorance }) => ignorance as number),
    pictures.map(() => true),
  );
  let above = pictures.length;
  let threshold = Number.NaN;
  forEachLevel(levels, ({ value, positive }) => {
    if (above > rate * pictures.length || Number.isNaN(threshold)) threshold = value;
    above -= positive;
  });
  return threshold;
}

/** The highest value up to which the share of errors is at most `risk`; null when there is none. */
function reporting(pictures: readonly JudgedScores[], risk: number): number | null {
  if (pictures.length === 0) return null;
  const levels = levelsOf(
    pictures.map(({ uncertainty }) => uncertainty),
    pictures.map(({ correct }) => !correct),
  );
  const coverage = coverageAtRisk(levels, risk);
  return riskCoverageCurve(levels).find((point) => point.coverage === coverage)?.threshold ?? null;
}

/** What a rule does to pictures: the share of each decision, and the share of right answers under it (null where there is none). */
export type DecisionFigures = Record<Decision, { share: number; accuracy: number | null }>;

export function decisionFigures(pictures: readonly JudgedScores[], rule: DecisionRule): DecisionFigures {
  const of = (decision: Decision) => {
    const own = pictures.filter((picture) => decide(picture, rule) === decision);
    const right = own.filter(({ correct }) => correct).length;
    return { share: own.length / pictures.length, accuracy: own.length === 0 ? null : right / own.length };
  };
  return { report: of('report'), ambiguous: of('ambiguous'), reject: of('reject') };
}
