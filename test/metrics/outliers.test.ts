import { expect, it } from 'vitest';
import { detectOutliers } from '#uafer/metrics/outliers.js';
import { softmaxOf } from '../support/forecasts.js';

const answer = (logits: number[], strength?: number) => ({
  logits,
  probabilities: softmaxOf(logits),
  ...(strength === undefined ? {} : { alpha: softmaxOf(logits).map((p) => strength * p) }),
});

it('every score is tried on telling outliers from ordinary pictures', () => {
  const ordinary = [answer([5, 0, 0], 30), answer([0, 4, 0], 20), answer([0, 0, 1], 6)];
  const outliers = [answer([0.5, 0, 0], 4), answer([0, 2, 0], 9)];
  const found = detectOutliers(ordinary, outliers);
  // By vacuity: 3/4 and 3/9 beside 3/30, 3/20 and 3/6; of six pairs all but one are in order.
  expect(found.vacuity?.auroc).toBeCloseTo(5 / 6, 12);
  expect(found.vacuity?.fpr95).toBeCloseTo(1 / 3, 12);
  expect(found.vacuity?.aupr).toBeCloseTo((1 + 2 / 3) / 2, 12);
  expect(found.topProbability?.auroc).toBeCloseTo(5 / 6, 12);
});

it('scores that the answers lack are null', () => {
  const found = detectOutliers([answer([3, 0])], [answer([0, 0])]);
  expect(found.vacuity).toBeNull();
  expect(found.entropy).toEqual({ auroc: 1, aupr: 1, fpr95: 0 });
});

it('pictures of both kinds are needed', () => {
  expect(() => detectOutliers([], [answer([0, 0])])).toThrow(/0 ordinary pictures stand beside 1 outliers/);
  expect(() => detectOutliers([answer([0, 0], 3)], [answer([0, 0])])).toThrow(/those of one model/);
});
