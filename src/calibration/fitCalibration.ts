import { UaferError } from '../errors.js';
import { type ConformalMethod, fitConformal } from '../metrics/conformal.js';
import { type DecisionRates, fitDecision } from '../metrics/decision.js';
import { fitLogisticRegression } from '../metrics/logisticRegression.js';
import { fitEvidenceScale, fitTemperature, fitVectorScaling, logProbabilities } from '../metrics/scaling.js';
import { scoresOf } from '../metrics/scores.js';
import { type Calibration, calibratedAnswer, type RawAnswer, riskFeatures } from './calibration.js';
import { type Density, standardizedDensity } from './density.js';
import { fitLogitEvidence } from './logitEvidence.js';

/** What a network says of a validation picture, and what is right. */
export interface ValidationAnswer extends RawAnswer {
  /** 0-based. */
  label: number;
  /** Raw counts of the C classes, where the data set has votes. */
  votes?: readonly number[] | undefined;
}

export interface FitOptions {
  scaling: Calibration['scaling']['kind'];
  /** Null for a model that decides nothing. */
  rates: DecisionRates | null;
  /** Null for a model that gives no sets. */
  conformal: { method: ConformalMethod; coverage: number } | null;
  riskHead: boolean;
  /** Of the pictures of training (`fitDensity`); without it nothing is known of them. */
  density?: Density | undefined;
  /** In words: which pictures these are. */
  fittedOn: string;
}

/**
 * The calibration of a network by its answers to validation pictures, in this order: how much its evidence is worth (by the votes; without
 * them by the labels; from logits only by votes), how far they lie from those of training, the scaling of its probabilities (by the labels), the
 * risk head, sets and thresholds.
 * The same answers in the same order give the same numbers to the last bit.
 *
 * @throws UaferError `DATA` without answers, when an answer is broken, or when some have votes or evidence and some have none
 */
export function fitCalibration(answers: readonly ValidationAnswer[], options: FitOptions): Calibration {
  if (answers.length === 0) throw new UaferError('DATA', 'There is no picture to calibrate on: expected at least one.');
  const unscaled: Calibration = {
    scaling: { kind: 'temperature', temperature: 1 },
    evidence: fitEvidence(answers),
    riskHead: null,
    conformal: null,
    decision: null,
    ...(options.density && {
      density: standardizedDensity(
        options.density,
        answers.flatMap(({ features }) => features ?? []),
      ),
    }),
    fittedOn: options.fittedOn,
  };
  const scaled = { ...unscaled, scaling: fitScaling(answers, unscaled, options.scaling) };
  const judged = { ...scaled, riskHead: options.riskHead ? fitRiskHead(answers, scaled) : null };
  return {
    ...judged,
    conformal: options.conformal && fitSets(answers, judged, options.conformal),
    decision: options.rates && fitThresholds(answers, judged, options.rates),
  };
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

function fitScaling(
  answers: readonly ValidationAnswer[],
  unscaled: Calibration,
  kind: Calibration['scaling']['kind'],
): Calibration['scaling'] {
  const rows = answers.map((answer) => ({
    label: answer.label,
    logits: logProbabilities(calibratedAnswer(answer, unscaled).probabilities),
  }));
  if (kind === 'vector') return { kind, ...fitVectorScaling(rows) };
  return { kind, temperature: fitTemperature(rows) };
}

/** The answers by what has been fitted so far, and whether each is right. */
function judge(answers: readonly ValidationAnswer[], calibration: Calibration) {
  return answers.map((answer) => {
    const { alpha, ...calibrated } = calibratedAnswer(answer, calibration);
    const predicted = calibrated.logits.indexOf(Math.max(...calibrated.logits));
    return { ...calibrated, alpha: alpha ?? undefined, label: answer.label, correct: predicted === answer.label };
  });
}

function fitRiskHead(answers: readonly ValidationAnswer[], calibration: Calibration): NonNullable<Calibration['riskHead']> {
  const judged = judge(answers, calibration);
  const scores = scoresOf(judged).map(({ name }) => name);
  const features = judged.map((answer) => riskFeatures(answer, scores));
  return {
    scores,
    ...fitLogisticRegression(
      features,
      judged.map(({ correct }) => !correct),
    ),
  };
}

/** Not randomised, so that the same picture has the same set at any time. */
function fitSets(
  answers: readonly ValidationAnswer[],
  calibration: Calibration,
  { method, coverage }: NonNullable<FitOptions['conformal']>,
): NonNullable<Calibration['conformal']> {
  const { threshold } = fitConformal(judge(answers, calibration), { method, coverage });
  return { method, coverage, threshold };
}

function fitThresholds(
  answers: readonly ValidationAnswer[],
  calibration: Calibration,
  rates: DecisionRates,
): NonNullable<Calibration['decision']> {
  const judged = judge(answers, calibration).map(({ uncertainty, risk, correct }) => ({
    uncertainty: risk,
    ignorance: uncertainty,
    correct,
  }));
  const { ignorance, uncertainty } = fitDecision(judged, rates);
  return { reject: { uncertainty: ignorance }, report: { risk: uncertainty }, rates: { ...rates } };
}
