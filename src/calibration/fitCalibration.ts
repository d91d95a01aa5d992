import { UaferError } from '../errors.js';
import { type DecisionRates, fitDecision } from '../metrics/decision.js';
import { fitEvidenceScale, fitTemperature, logProbabilities } from '../metrics/scaling.js';
import { type Calibration, calibratedAnswer, decisionScores, type RawAnswer } from './calibration.js';
import { fitLogitEvidence } from './logitEvidence.js';

/** What a network says of a validation picture, and what is right. */
export interface ValidationAnswer extends RawAnswer {
  /** 0-based. */
  label: number;
  /** Raw counts of the C classes, where the data set has votes. */
  votes?: readonly number[] | undefined;
}

export interface FitOptions {
  /** Null for a model that decides nothing. */
  rates: DecisionRates | null;
  /** In words: which pictures these are. */
  fittedOn: string;
}

/**
 * The calibration of a network by its answers to validation pictures, in this order: how much its evidence is worth (by the votes; without
 * them by the labels; from logits only by votes), the temperature of its probabilities (by the labels), the thresholds of the decision.
 * The same answers in the same order give the same numbers to the last bit.
 *
 * @throws UaferError `DATA` without answers, when an answer is broken, or when some have votes or evidence and some have none
 */
export function fitCalibration(answers: readonly ValidationAnswer[], { rates, fittedOn }: FitOptions): Calibration {
  if (answers.length === 0) throw new UaferError('DATA', 'There is no picture to calibrate on: expected at least one.');
  const evidence = fitEvidence(answers);
  const untempered: Calibration = { temperature: 1, evidence, decision: null, fittedOn };
  const temperature = fitTemperature(
    answers.map((answer) => ({
      label: answer.label,
      logits: logProbabilities(calibratedAnswer(answer, untempered).probabilities),
    })),
  );
  const undecided = { ...untempered, temperature };
  return rates ? { ...undecided, decision: fitThresholds(answers, undecided, rates) } : undecided;
}

function fitEvidence(answers: readonly ValidationAnswer[]): Calibration['evidence'] {
  const [evidential, voted] = [all(answers, 'evidence'), all(answers, 'votes')];
  if (!evidential && !voted) return null;
  const votes = ({ label, votes: counts, logits }: ValidationAnswer) => counts ?? logits.map((_, c) => (c === label ? 1 : 0));
  if (!evidential)
    return { kind: 'logits', ...fitLogitEvidence(answers.map((answer) => ({ ...answer, votes: votes(answer) }))) };
  const scale = fitEvidenceScale(
    answers.map((answer) => ({ alpha: (answer.evidence ?? []).map((e) => e + 1), votes: votes(answer) })),
  );
  return { kind: 'scaled', scale };
}

/** Whether all have it; some with and some without are no one model's answers to one data set. */
function all(answers: readonly ValidationAnswer[], key: 'evidence' | 'votes'): boolean {
  const having = answers.filter((answer) => answer[key] != null).length;
  if (having === 0 || having === answers.length) return having > 0;
  throw new UaferError('DATA', `Some answers have ${key} and some have none: expected those of one model to one data set.`);
}

function fitThresholds(
  answers: readonly ValidationAnswer[],
  calibration: Calibration,
  rates: DecisionRates,
): NonNullable<Calibration['decision']> {
  const judged = answers.map((answer) => {
    const { probabilities, ...calibrated } = calibratedAnswer(answer, calibration);
    const predicted = answer.logits.indexOf(Math.max(...answer.logits));
    return { ...decisionScores({ probabilities, ...calibrated }), correct: predicted === answer.label };
  });
  const { ignorance, uncertainty } = fitDecision(judged, rates);
  return { reject: { uncertainty: ignorance }, report: { risk: uncertainty }, rates: { ...rates } };
}
