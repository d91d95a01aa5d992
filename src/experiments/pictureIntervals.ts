/** How far the differences of two ways to train would move if other pictures had been taken: a paired bootstrap. */
import { bootstrap, differences, type Figures, type Interval } from '../metrics/bootstrap.js';
import { auroc } from '../metrics/detection.js';
import { countLevels, ranksOf } from '../metrics/levels.js';
import { metricFigures, scoredSets } from '../metrics/metrics.js';
import { areaUnderRiskCoverage } from '../metrics/selective.js';
import type { PredictionRow } from '../run/predictionsFile.js';

/** The answers of two trainings with the same seed; null where they were deleted. */
export interface AnswerPair {
  classes: number;
  before: readonly PredictionRow[] | null;
  after: readonly PredictionRow[] | null;
}

interface Options {
  resamples: number;
  onResample?(done: number): void;
}

/** The same as of every evaluation. */
export const BOOTSTRAP_SEED = 42;

/**
 * 95% intervals of the differences' means over the pairs, every resample being of the same pictures for all of them; by figure. Empty where answers
 * are missing, or are not of the same pictures.
 */
export function pictureIntervals(
  pairs: readonly AnswerPair[],
  { resamples, onResample }: Options,
): Record<string, Interval | null> {
  const [reference] = pairs.map(({ before }) => before);
  if (!reference || !pairs.every(({ before, after }) => samePictures(reference, before) && samePictures(reference, after)))
    return {};
  const each = pairs.map(({ classes, before, after }) =>
    differences(resampledFigures(before ?? [], classes), resampledFigures(after ?? [], classes)),
  );
  const means = (drawn: Int32Array) => meanOf(each.map((figures) => figures(drawn)));
  return bootstrap(means, { samples: reference.length, resamples, seed: BOOTSTRAP_SEED, onResample });
}

/** The same pictures in the same order. */
function samePictures(one: readonly PredictionRow[], other: readonly PredictionRow[] | null): boolean {
  if (!other || one.length !== other.length) return false;
  return one.every(({ file, label }, i) => file === other[i]?.file && label === other[i]?.label);
}

/** The metrics, and the baseline among the scores. */
function resampledFigures(answers: readonly PredictionRow[], classes: number): (drawn: Int32Array) => Figures {
  const sets = scoredSets(answers, classes);
  const wrong = answers.map(({ label, predicted }) => label !== predicted);
  const top = ranksOf(answers.map(({ probabilities }) => 1 - Math.max(...probabilities)));
  return (drawn) => {
    const levels = countLevels(top, wrong, drawn);
    return {
      ...metricFigures(sets(drawn)),
      'scores.topProbability.errorAuroc': auroc(levels),
      'scores.topProbability.aurc': areaUnderRiskCoverage(levels),
    };
  };
}

/** Null for a figure that one of them lacks. */
function meanOf(all: readonly Figures[]): Figures {
  const mean = (values: readonly (number | null | undefined)[]) => {
    const known = values.filter((value) => value != null);
    return known.length < values.length ? null : known.reduce((total, value) => total + value, 0) / known.length;
  };
  return Object.fromEntries(Object.keys(all[0] ?? {}).map((name) => [name, mean(all.map((figures) => figures[name]))]));
}
