/** Every figure of a set of predictions. A figure is one row of `METRICS`: log, report, terminal and JSON read the table. */
import { UaferError } from '../errors.js';
import {
  brierScore,
  classwiseCalibrationError,
  equalMassCalibrationError,
  expectedCalibrationError,
  negativeLogLikelihood,
} from './calibration.js';
import { accuracy, type ClassScores, classScores, confusionMatrix, macroF1, meanClassAccuracy } from './classification.js';
import { auroc } from './detection.js';
import { countLevels, type Levels, ranksOf } from './levels.js';
import {
  areaUnderGeneralizedRiskCoverage,
  areaUnderRiskCoverage,
  coverageAtRisk,
  excessAreaUnderRiskCoverage,
  riskAtCoverage,
} from './selective.js';

/** What the metrics need to know of a picture's prediction. */
export interface ScoredPrediction {
  /** True class and predicted class, 0-based. */
  label: number;
  predicted: number;
  /** (C); sum to 1. */
  probabilities: readonly number[];
  /** The model's own: vacuity of an evidential answer, entropy of another. */
  uncertainty: number;
}

/** A set of predictions as the rows take it. */
export interface ScoredSet {
  predictions: readonly ScoredPrediction[];
  confusion: readonly (readonly number[])[];
  /** By the probability of the predicted class; the right predictions are the positives. */
  byConfidence: Levels;
  /** By the uncertainty; the errors are the positives. */
  byUncertainty: Levels;
}

type Confusion = ScoredSet['confusion'];

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
  /** Stands among the figures on a terminal only where all are asked for. */
  detail?: true;
  /** What answers, or uncertainties, drawn at random would give on average. */
  chance?(confusion: Confusion): number;
  /** Null where nothing defines it. */
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
    chance: (confusion: Confusion) => 1 / confusion.length,
    of: ({ confusion }: ScoredSet) => accuracy(confusion),
  },
  {
    name: 'meanClassAccuracy',
    title: 'mean class accuracy',
    logged: 'mean_class_accuracy',
    better: 'higher',
    format: 'percent',
    headline: true,
    chance: (confusion: Confusion) => 1 / confusion.length,
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
    name: 'negativeLogLikelihood',
    title: 'negative log-likelihood',
    logged: 'nll',
    better: 'lower',
    format: 'decimal',
    of: ({ predictions }: ScoredSet) => negativeLogLikelihood(predictions),
  },
  {
    name: 'brierScore',
    title: 'Brier score',
    logged: 'brier',
    better: 'lower',
    format: 'decimal',
    of: ({ predictions }: ScoredSet) => brierScore(predictions),
  },
  {
    name: 'expectedCalibrationError',
    title: 'expected calibration error',
    logged: 'calibration_error',
    better: 'lower',
    format: 'decimal',
    of: ({ predictions }: ScoredSet) => expectedCalibrationError(confidences(predictions), hits(predictions)),
  },
  {
    name: 'equalMassCalibrationError',
    title: 'calibration error, equal-mass bins',
    logged: 'equal_mass_calibration_error',
    better: 'lower',
    format: 'decimal',
    detail: true,
    of: ({ byConfidence }: ScoredSet) => equalMassCalibrationError(byConfidence),
  },
  {
    name: 'classwiseCalibrationError',
    title: 'calibration error, class-wise',
    logged: 'classwise_calibration_error',
    better: 'lower',
    format: 'decimal',
    detail: true,
    of: ({ predictions, confusion }: ScoredSet) => classwiseCalibrationError(predictions, confusion.length),
  },
  {
    name: 'errorAuroc',
    title: 'AUROC of uncertainty for errors',
    logged: 'error_auroc',
    better: 'higher',
    format: 'decimal',
    chance: () => 0.5,
    of: ({ byUncertainty }: ScoredSet) => auroc(byUncertainty),
  },
  {
    name: 'areaUnderRiskCoverage',
    title: 'area under risk-coverage curve',
    logged: 'aurc',
    better: 'lower',
    format: 'decimal',
    // At every coverage the risk of the whole set.
    chance: (confusion: Confusion) => 1 - accuracy(confusion),
    of: ({ byUncertainty }: ScoredSet) => areaUnderRiskCoverage(byUncertainty),
  },
  {
    name: 'excessAreaUnderRiskCoverage',
    title: 'the same, more than the best order has',
    logged: 'excess_aurc',
    better: 'lower',
    format: 'decimal',
    detail: true,
    of: ({ byUncertainty }: ScoredSet) => excessAreaUnderRiskCoverage(byUncertainty),
  },
  {
    name: 'areaUnderGeneralizedRiskCoverage',
    title: 'area under generalised risk-coverage curve',
    logged: 'augrc',
    better: 'lower',
    format: 'decimal',
    detail: true,
    of: ({ byUncertainty }: ScoredSet) => areaUnderGeneralizedRiskCoverage(byUncertainty),
  },
  {
    name: 'coverageAt5Risk',
    title: 'coverage at 5% risk',
    logged: 'coverage_at_5_risk',
    better: 'higher',
    format: 'percent',
    detail: true,
    of: ({ byUncertainty }: ScoredSet) => coverageAtRisk(byUncertainty, 0.05),
  },
  {
    name: 'riskAt80Coverage',
    title: 'risk at 80% coverage',
    logged: 'risk_at_80_coverage',
    better: 'lower',
    format: 'percent',
    detail: true,
    of: ({ byUncertainty }: ScoredSet) => riskAtCoverage(byUncertainty, 0.8),
  },
] as const satisfies readonly MetricRow[];

type Row = (typeof METRICS)[number];

/** What chance would be for a metric of a set, and whether the set's value is worse than that; null for a metric that has no such value. */
export function chanceOf(name: MetricName, metrics: Metrics): { value: number; worse: boolean } | null {
  const row: MetricRow | undefined = METRICS.find((each) => each.name === name);
  const found = metrics[name];
  if (!row?.chance || found === null) return null;
  const value = row.chance(metrics.confusion);
  return { value, worse: row.better === 'higher' ? found < value : found > value };
}
export type MetricName = Row['name'];
/** Metrics that every set with a picture has. */
export type DecisiveMetric = {
  [Each in Row as Each['name']]: ReturnType<Each['of']> extends number ? Each['name'] : never;
}[MetricName];

/** Every figure by its row's name. Null: no picture, or every picture, is predicted wrongly. */
type MetricFigures = { [Each in Row as Each['name']]: ReturnType<Each['of']> };

/** Metrics of a whole set, never averaged over batches. */
export type Metrics = MetricFigures & {
  samples: number;
  /** Classes without a picture in the set; `meanClassAccuracy` leaves them out. */
  absentClasses: string[];
  perClass: ClassScores[];
  /** (C, C): pictures of the class of the row, predicted as the class of the column. */
  confusion: number[][];
};

/** Every metric of a set. Throws `DATA` when it is empty, or an answer is broken (`checkPredictions`). */
export function computeMetrics(predictions: readonly ScoredPrediction[], classes: readonly string[]): Metrics {
  const set = scoredSets(predictions, classes.length)();
  const perClass = classes.map((name, c) => ({ name, ...classScores(set.confusion, c) }));
  const absentClasses = perClass.filter(({ samples }) => samples === 0).map(({ name }) => name);
  const confusion = set.confusion.map((row) => [...row]);
  return { samples: predictions.length, ...metricFigures(set), absentClasses, perClass, confusion };
}

/** The figure of each row. */
export function metricFigures(set: ScoredSet): MetricFigures {
  return Object.fromEntries(METRICS.map((row) => [row.name, row.of(set)])) as MetricFigures;
}

/**
 * The set of the predictions at the positions that are drawn, each as often as it stands there; of all of them when nothing is said. The
 * predictions are put into order once, for any number of draws.
 */
export function scoredSets(predictions: readonly ScoredPrediction[], classes: number): (drawn?: Int32Array) => ScoredSet {
  checkPredictions(predictions, classes);
  const correct = hits(predictions);
  const wrong = correct.map((right) => !right);
  const confidence = ranksOf(confidences(predictions));
  const uncertainty = ranksOf(predictions.map((prediction) => prediction.uncertainty));
  return (drawn) => {
    const chosen = drawn ? Array.from(drawn, (i) => predictions[i] as ScoredPrediction) : predictions;
    return {
      predictions: chosen,
      confusion: confusionMatrix(chosen, classes),
      byConfidence: countLevels(confidence, correct, drawn),
      byUncertainty: countLevels(uncertainty, wrong, drawn),
    };
  };
}

/**
 * Throws `DATA` when there is no prediction, or one is not an answer: probabilities that are not C numbers from 0 to 1 which sum to 1 (to
 * 1e-3), or an uncertainty that is not a number.
 */
function checkPredictions(predictions: readonly ScoredPrediction[], classes: number): void {
  if (predictions.length === 0) {
    throw new UaferError(
      'DATA',
      'There is no prediction to compute metrics of: expected at least one picture in the test set.',
    );
  }
  for (const [i, { probabilities, uncertainty }] of predictions.entries()) {
    const total = probabilities.reduce((sum, p) => sum + p, 0);
    const broken =
      probabilities.length !== classes ||
      !probabilities.every((p) => p >= 0 && p <= 1 + 1e-6) ||
      !(Math.abs(total - 1) <= 1e-3) ||
      Number.isNaN(uncertainty);
    if (broken) {
      throw new UaferError(
        'DATA',
        `Prediction ${i} (from 0) is not an answer: expected ${classes} probabilities that sum to 1 and a number as uncertainty, ` +
          `got [${probabilities.join(', ')}] and ${uncertainty}.`,
      );
    }
  }
}

function confidences(predictions: readonly ScoredPrediction[]): number[] {
  return predictions.map(({ probabilities, predicted }) => probabilities[predicted] as number);
}

function hits(predictions: readonly ScoredPrediction[]): boolean[] {
  return predictions.map(({ label, predicted }) => label === predicted);
}
