/** Every figure of a set of predictions. A figure is one row of `METRICS`: log, report, terminal and JSON read the table. */
import { UaferError } from '../errors.js';
import { accuracy, type ClassScores, classScores, confusionMatrix, macroF1, meanClassAccuracy } from './classification.js';
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

/** A set of predictions as the rows take it; the lists hold one value a prediction. */
export interface ScoredSet {
  confusion: readonly (readonly number[])[];
  /** Probability of the predicted class. */
  confidence: readonly number[];
  correct: readonly boolean[];
  uncertainty: readonly number[];
}

interface MetricRow {
  /** In `metrics.json` and in programs. */
  name: string;
  /** As a person reads it. */
  title: string;
  /** In `log.jsonl`, where `test_` stands before it. */
  logged: string;
  better: 'higher' | 'lower';
  format: 'percent' | 'decimal';
  /** Stands in the line of an epoch and among the curves of a report. */
  headline?: true;
  /** In [0, 1]; null where nothing defines it. */
  of(set: ScoredSet): number | null;
}

/** The figures of a set, in the order in which they are shown. Adding one is adding its row. */
export const METRICS = [
  {
    name: 'accuracy',
    title: 'accuracy',
    logged: 'accuracy',
    better: 'higher',
    format: 'percent',
    headline: true,
    of: ({ confusion }: ScoredSet) => accuracy(confusion),
  },
  {
    name: 'meanClassAccuracy',
    title: 'mean class accuracy',
    logged: 'mean_class_accuracy',
    better: 'higher',
    format: 'percent',
    headline: true,
    of: ({ confusion }: ScoredSet) => meanClassAccuracy(confusion),
  },
  {
    name: 'macroF1',
    title: 'macro F1',
    logged: 'macro_f1',
    better: 'higher',
    format: 'percent',
    of: ({ confusion }: ScoredSet) => macroF1(confusion),
  },
  {
    name: 'expectedCalibrationError',
    title: 'expected calibration error',
    logged: 'calibration_error',
    better: 'lower',
    format: 'decimal',
    of: ({ confidence, correct }: ScoredSet) => expectedCalibrationError(confidence, correct),
  },
  {
    name: 'errorAuroc',
    title: 'AUROC of uncertainty for errors',
    logged: 'error_auroc',
    better: 'higher',
    format: 'decimal',
    of: ({ uncertainty, correct }: ScoredSet) => errorAuroc(uncertainty, correct),
  },
  {
    name: 'areaUnderRiskCoverage',
    title: 'area under risk-coverage curve',
    logged: 'aurc',
    better: 'lower',
    format: 'decimal',
    of: ({ uncertainty, correct }: ScoredSet) => areaUnderRiskCoverage(uncertainty, correct),
  },
] as const satisfies readonly MetricRow[];

type Row = (typeof METRICS)[number];
export type MetricName = Row['name'];
/** Metrics that every set with a picture has. */
export type DecisiveMetric = {
  [Each in Row as Each['name']]: ReturnType<Each['of']> extends number ? Each['name'] : never;
}[MetricName];

/** Metrics of a whole set, never averaged over batches. Null: no picture, or every picture, is predicted wrongly. */
export type Metrics = { [Each in Row as Each['name']]: ReturnType<Each['of']> } & {
  samples: number;
  /** Classes without a picture in the set; `meanClassAccuracy` leaves them out. */
  absentClasses: string[];
  perClass: ClassScores[];
  /** (C, C): pictures of the class of the row, predicted as the class of the column. */
  confusion: number[][];
};

/** Every metric of a set. Throws `DATA` when it is empty. */
export function computeMetrics(predictions: readonly ScoredPrediction[], classes: readonly string[]): Metrics {
  if (predictions.length === 0) {
    throw new UaferError(
      'DATA',
      'There is no prediction to compute metrics of: expected at least one picture in the test set.',
    );
  }
  const confusion = confusionMatrix(predictions, classes.length);
  const set: ScoredSet = {
    confusion,
    confidence: predictions.map(({ probabilities, predicted }) => probabilities[predicted] as number),
    correct: predictions.map(({ label, predicted }) => label === predicted),
    uncertainty: predictions.map(({ uncertainty }) => uncertainty),
  };
  const figures = Object.fromEntries(METRICS.map((row) => [row.name, row.of(set)])) as Record<MetricName, number>;
  const perClass = classes.map((name, c) => ({ name, ...classScores(confusion, c) }));
  const absentClasses = perClass.filter(({ samples }) => samples === 0).map(({ name }) => name);
  return { samples: predictions.length, ...figures, absentClasses, perClass, confusion };
}
