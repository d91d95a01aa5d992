import { expect, it } from 'vitest';
import { fitLogisticRegression, predictLogistic } from '#uafer/metrics/logisticRegression.js';
import { createRandom } from '#uafer/random.js';

const random = createRandom({ seed: 6, epoch: 0, stream: 9, position: 0 });
const rows = Array.from({ length: 5000 }, () => {
  const features = [random.uniform(-1, 1), random.uniform(100, 300), 5];
  const logit = 2 * (features[0] as number) - 0.02 * ((features[1] as number) - 200) - 1;
  return { features, positive: random.next() < 1 / (1 + Math.exp(-logit)) };
});
const features = rows.map((row) => row.features);
const positive = rows.map((row) => row.positive);

it('finds the weights that the outcomes were drawn with', () => {
  const { weights, deviations, means, bias } = fitLogisticRegression(features, positive, 1e-6);
  // Deviations over draws are .06 and .0006.
  expect(Math.abs((weights[0] as number) / (deviations[0] as number) - 2)).toBeLessThan(0.25);
  expect(Math.abs((weights[1] as number) / (deviations[1] as number) + 0.02)).toBeLessThan(0.003);
  expect(means[1]).toBeCloseTo(200, -1);
  expect(bias).toBeLessThan(0);
});

it('says as many positives as there were, and more where there were more', () => {
  const model = fitLogisticRegression(features, positive);
  const risks = features.map((row) => predictLogistic(row, model));
  const said = risks.reduce((a, b) => a + b, 0);
  expect(said).toBeCloseTo(positive.filter(Boolean).length, 6);
  expect(predictLogistic([1, 100, 5], model)).toBeGreaterThan(0.8);
  expect(predictLogistic([-1, 300, 5], model)).toBeLessThan(0.02);
});

it('gives a constant feature no weight, and the same numbers to the last bit again', () => {
  const model = fitLogisticRegression(features, positive);
  expect(model.weights[2]).toBe(0);
  expect(model.deviations[2]).toBe(1);
  expect(fitLogisticRegression(features, positive)).toEqual(model);
});

it('stays finite where a feature tells the outcomes apart', () => {
  const model = fitLogisticRegression([[0], [1], [10], [11]], [false, false, true, true]);
  expect(Number.isFinite(model.weights[0])).toBe(true);
  expect(predictLogistic([0], model)).toBeLessThan(0.5);
  expect(predictLogistic([11], model)).toBeGreaterThan(0.5);
});

it.each([
  [() => fitLogisticRegression([[1], [2]], [true, true]), /right answers and wrong ones/],
  [() => fitLogisticRegression([[1], [Number.NaN]], [true, false]), /Row 1 .*\[NaN\]: expected 1 numbers/],
  [() => fitLogisticRegression([[1], [1, 2]], [true, false]), /Row 1 .*expected 1 numbers/],
  [() => fitLogisticRegression([[1]], [true, false]), /1 rows of features stand beside 2 outcomes/],
])('wrong input is named: %s', (fit, message) => {
  expect(fit).toThrow(message);
});
