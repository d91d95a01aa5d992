/** Figures of a confusion matrix. */
import { UaferError } from '../errors.js';

/** How well one class is recognised. A score that nothing defines (a division by zero pictures) is null. */
export interface ClassScores {
  name: string;
  /** Pictures of this class in the set. */
  samples: number;
  precision: number | null;
  recall: number | null;
  f1: number | null;
}

/** (C, C): entry [t][p] counts the pictures of class t that are predicted as class p. */
export function confusionMatrix(predictions: readonly { label: number; predicted: number }[], classes: number): number[][] {
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
