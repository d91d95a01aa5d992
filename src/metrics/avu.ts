/** Accuracy versus uncertainty: are right answers certain and wrong ones uncertain? (Krishnan and Tickoo 2020.) */
import { forEachLevel, type Levels, totals } from './levels.js';

const THRESHOLDS = 21;

/**
 * AvU in [0, 1], higher is better: the share of pictures that are right and certain, or wrong and uncertain. Certain is an uncertainty of
 * at most `threshold`. The positives are the errors.
 */
export function accuracyVersusUncertainty(levels: Levels, threshold: number): number {
  const { positive, negative } = totals(levels);
  let good = 0;
  forEachLevel(levels, (level) => {
    good += level.value <= threshold ? level.negative : level.positive;
  });
  return good / (positive + negative);
}

/**
 * Area under AvU, in [0, 1], higher is better, by trapezoids over 21 thresholds from the smallest to the largest uncertainty of the set in
 * equal steps, as in the paper. It depends on the scale of the score: an increasing map changes it. For a constant score every picture is
 * certain, and it is the accuracy.
 */
export function areaUnderAvu(levels: Levels): number {
  const { positive, negative } = totals(levels);
  const [smallest, largest] = ends(levels);
  const threshold = (i: number) => (i === THRESHOLDS - 1 ? largest : smallest + (i / (THRESHOLDS - 1)) * (largest - smallest));
  // From threshold to threshold more pictures are certain: the right ones among them are won, the wrong ones lost.
  const won = new Float64Array(THRESHOLDS);
  let next = 0;
  forEachLevel(levels, (level) => {
    while (level.value > threshold(next)) next++;
    won[next] = (won[next] as number) + level.negative - level.positive;
  });
  let good = positive;
  const heights = won.map((gain) => {
    good += gain;
    return good / (positive + negative);
  });
  const inner = heights.reduce((total, height) => total + height, 0);
  return (inner - ((heights[0] as number) + (heights.at(-1) as number)) / 2) / (THRESHOLDS - 1);
}

/** The smallest value and the largest at which there is a picture. */
function ends(levels: Levels): [number, number] {
  let smallest = Number.POSITIVE_INFINITY;
  let largest = Number.NEGATIVE_INFINITY;
  forEachLevel(levels, ({ value }) => {
    smallest = Math.min(smallest, value);
    largest = Math.max(largest, value);
  });
  return [smallest, largest];
}
