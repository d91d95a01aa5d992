import fc from 'fast-check';
import { expect, it } from 'vitest';
import { accuracyVersusUncertainty, areaUnderAvu } from '#uafer/metrics/avu.js';
import { levelsOf } from '#uafer/metrics/levels.js';

/** The positives are the errors. */
const levels = levelsOf([0, 0.25, 0.5, 1], [false, true, false, true]);

it('accuracy versus uncertainty counts what is right and certain, and wrong and uncertain', () => {
  expect(accuracyVersusUncertainty(levels, -1)).toBe(2 / 4);
  expect(accuracyVersusUncertainty(levels, 0)).toBe(3 / 4);
  expect(accuracyVersusUncertainty(levels, 0.3)).toBe(2 / 4);
  expect(accuracyVersusUncertainty(levels, 0.5)).toBe(3 / 4);
  expect(accuracyVersusUncertainty(levels, 1)).toBe(2 / 4);
});

it('its area is by trapezoids over 21 thresholds from the smallest uncertainty to the largest', () => {
  // Thresholds 0 to 0.2 give 3/4 (5), 0.25 to 0.45 2/4 (5), 0.5 to 0.95 3/4 (10), 1 gives 2/4.
  const sum = 5 * 0.75 + 5 * 0.5 + 10 * 0.75 + 0.5;
  expect(areaUnderAvu(levels)).toBeCloseTo((sum - (0.75 + 0.5) / 2) / 20, 12);
});

it('its area is the mean of the AvU at those thresholds, the two ends counting half', () => {
  const rows = fc.array(fc.tuple(fc.integer({ min: -9, max: 9 }), fc.boolean()), { minLength: 1 });
  fc.assert(
    fc.property(rows, (list) => {
      const scores = list.map(([score]) => score / 3);
      const any = levelsOf(
        scores,
        list.map(([, wrong]) => wrong),
      );
      const [low, high] = [Math.min(...scores), Math.max(...scores)];
      const heights = Array.from({ length: 21 }, (_, i) =>
        accuracyVersusUncertainty(any, i === 20 ? high : low + (i / 20) * (high - low)),
      );
      const sum = heights.reduce((a, b) => a + b, 0) - ((heights[0] as number) + (heights[20] as number)) / 2;
      expect(areaUnderAvu(any)).toBeCloseTo(sum / 20, 12);
    }),
  );
});

it('moving and stretching the score leaves it, and a score that parts right from wrong comes near 1', () => {
  const stretched = levelsOf([-7, -6, -5, -3], [false, true, false, true]);
  expect(areaUnderAvu(stretched)).toBeCloseTo(areaUnderAvu(levels), 12);
  // Only the last threshold calls the errors certain.
  expect(areaUnderAvu(levelsOf([0, 0, 1, 1], [false, false, true, true]))).toBeCloseTo(1 - 0.5 / 40, 12);
});

it('a constant score calls every picture certain: it is the accuracy', () => {
  expect(areaUnderAvu(levelsOf([3, 3, 3, 3], [false, false, false, true]))).toBe(0.75);
});
