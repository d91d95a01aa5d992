import { UaferError } from '../errors.js';
import { areaUnderRiskCoverage, errorAuroc, expectedCalibrationError } from './uncertainty.js';

/** What the metrics need to know of a picture's prediction. */
export interface ScoredPrediction {
  /** True class and predicted class, 0-based. */
  label: number;
  predicted: number;
  /** (C). */
  probabilities: readonly number[];
  uncertainty: number;
}

/** How well one class is recognised. A score that nothing defines (a division by zero pictures) is null. */
export interface ClassScores {
  name: string;
  /** Pictures of this class in the set. */
  samples: number;
  precision: number | null;
  recall: number | null;
  f1: number | null;
}

/** Metrics of a whole set, never averaged over batches. All but `samples` and `confusion` lie in [0, 1]. */
export interface Metrics {
  samples: number;
  accuracy: number;
  meanClassAccuracy: number;
  macroF1: number;
  expectedCalibrationError: number;
  /** Null when no picture, or every picture, is predicted wrongly. */
  errorAuroc: number | null;
  areaUnderRiskCoverage: number;
  /** Classes without a picture in the set; `meanClassAccuracy` leaves them out. */
  absentClasses: string[];
  perClass: ClassScores[];
  /** (C, C): pictures of the class of the row, predicted as the class of the column. */
  confusion: number[][];
}

/** Every metric of a set. Throws `DATA` when it is empty. */
export function computeMetrics(predictions: readonly ScoredPrediction[], classes: readonly string[]): Metrics {
  if (predictions.length === 0) {
    throw new UaferError(
      'DATA',
      'There is no prediction to compute metrics of: expected at least one picture in the test set.',
    );
  }
  const confusion = confusionMatrix(predictions, classes.length);
  const confidence = predictions.map(({ probabilities, predicted }) => probabilities[predicted] as number);
  const correct = predictions.map(({ label, predicted }) => label === predicted);
  const uncertainty = predictions.map((prediction) => prediction.uncertainty);
  return {
    samples: predictions.length,
    accuracy: accuracy(confusion),
    meanClassAccuracy: meanClassAccuracy(confusion),
    macroF1: macroF1(confusion),
    expectedCalibrationError: expectedCalibrationError(confidence, correct),
    errorAuroc: errorAuroc(uncertainty, correct),
    areaUnderRiskCoverage: areaUnderRiskCoverage(uncertainty, correct),
    absentClasses: classes.filter((_, c) => samplesOf(confusion, c) === 0),
    perClass: classes.map((name, c) => ({ name, ...classScores(confusion, c) })),
    confusion,
  };
}

/** (C, C): entry [t][p] counts the pictures of class t that are predicted as class p. */
export function confusionMatrix(
  predictions: readonly Pick<ScoredPrediction, 'label' | 'predicted'>[],
  classes: number,
): number[][] {
  const matrix = Array.from({ length: classes }, () => new Array<number>(classes).fill(0));
  for (const { label, predicted } of predictions) {
    const row = matrix[label];
    if (row?.[predicted] === undefined) {
      throw new UaferError(
        'DATA',
        `A label or prediction is outside the ${classes} classes: label ${label}, predicted ${predicted}.`,
      );
    }
    row[predicted] += 1;
  }
  return matrix;
}

/** Share of the pictures that are predicted rightly: sum_c m[c][c] / sum m. */
export function accuracy(confusion: readonly (readonly number[])[]): number {
  return sum(confusion.map((_, c) => hits(confusion, c))) / sum(confusion.flat());
}

/**
 * Mean over classes of the share predicted rightly (balanced accuracy, macro recall): mean_c m[c][c] / sum_p m[c][p]. This is the
 * figure that papers report for AffectNet. Classes without a picture are left out.
 */
export function meanClassAccuracy(confusion: readonly (readonly number[])[]): number {
  return mean(confusion.flatMap((_, c) => classScores(confusion, c).recall ?? []));
}

/**
 * Mean over classes of F1, the harmonic mean of precision and recall. Classes that occur neither as label nor as prediction are
 * left out, as in scikit-learn.
 */
export function macroF1(confusion: readonly (readonly number[])[]): number {
  return mean(confusion.flatMap((_, c) => classScores(confusion, c).f1 ?? []));
}

/** Precision hits / predicted as `c`, recall hits / pictures of `c`, and F1 = 2 hits / (predicted + pictures). */
export function classScores(confusion: readonly (readonly number[])[], c: number): Omit<ClassScores, 'name'> {
  const samples = samplesOf(confusion, c);
  const predicted = sum(confusion.map((row) => row[c] as number));
  const right = hits(confusion, c);
  return {
    samples,
    precision: ratio(right, predicted),
    recall: ratio(right, samples),
    f1: ratio(2 * right, predicted + samples),
  };
}

function samplesOf(confusion: readonly (readonly number[])[], c: number): number {
  return sum(confusion[c] as readonly number[]);
}

function hits(confusion: readonly (readonly number[])[], c: number): number {
  return confusion[c]?.[c] as number;
}

function ratio(part: number, whole: number): number | null {
  return whole === 0 ? null : part / whole;
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}

function mean(values: readonly number[]): number {
  return sum(values) / values.length;
}
