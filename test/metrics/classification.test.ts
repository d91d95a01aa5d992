import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { accuracy, confusionMatrix, macroF1, meanClassAccuracy } from '#uafer/metrics/classification.js';
import { computeMetrics } from '#uafer/metrics/metrics.js';
import { batchAveraged } from '../support/batchAveraged.js';

interface MetricsCase {
  name: string;
  logits: number[][];
  labels: number[];
  compute_ACC: number;
  compute_MCACC: number;
  'Metrics.f1_micro_macro': [number, number];
}
const fixture: MetricsCase[] = JSON.parse(readFileSync(new URL('../fixtures/metrics.json', import.meta.url), 'utf8'));
const withLabels = fixture.filter(({ labels }) => labels !== undefined);

const scored = (label: number, predicted: number) => ({ label, predicted, probabilities: [0.5, 0.3, 0.2], uncertainty: 0.4 });

describe.each(withLabels)('the numbers of the original for one batch: $name', ({ logits, labels, ...expected }) => {
  const predictions = logits.map((row, i) => ({ label: labels[i] as number, predicted: row.indexOf(Math.max(...row)) }));
  const confusion = confusionMatrix(predictions, 7);

  it('agree', () => {
    // The original averages in float32.
    expect(accuracy(confusion)).toBeCloseTo(expected.compute_ACC, 6);
    expect(meanClassAccuracy(confusion)).toBeCloseTo(expected.compute_MCACC, 6);
    expect(macroF1(confusion)).toBeCloseTo(expected['Metrics.f1_micro_macro'][1], 12);
  });
});

describe('metrics of a set', () => {
  // Three pictures of a (two right), two of b (one right, the other taken for c), none of c.
  const predictions = [scored(0, 0), scored(0, 0), scored(0, 1), scored(1, 1), scored(1, 2)];
  const metrics = computeMetrics(predictions, ['a', 'b', 'c']);

  it('are those computed by hand', () => {
    expect(metrics.samples).toBe(5);
    expect(metrics.confusion).toEqual([
      [2, 1, 0],
      [0, 1, 1],
      [0, 0, 0],
    ]);
    expect(metrics.accuracy).toBeCloseTo(3 / 5, 12);
    expect(metrics.meanClassAccuracy).toBeCloseTo((2 / 3 + 1 / 2) / 2, 12);
    expect(metrics.perClass).toEqual([
      { name: 'a', samples: 3, precision: 1, recall: 2 / 3, f1: 4 / 5 },
      { name: 'b', samples: 2, precision: 1 / 2, recall: 1 / 2, f1: 1 / 2 },
      { name: 'c', samples: 0, precision: 0, recall: null, f1: 0 },
    ]);
    expect(metrics.macroF1).toBeCloseTo((4 / 5 + 1 / 2 + 0) / 3, 12);
  });

  it('name the classes without pictures', () => {
    expect(metrics.absentClasses).toEqual(['c']);
  });

  it('take the confidence from the predicted class, which need not be the most probable one', () => {
    // Three right of confidence 0.5, 0.5, 0.3; two wrong of 0.3 and 0.2, in bins of a fifteenth: 7, 7, 4 and 4, 2.
    expect(metrics.expectedCalibrationError).toBeCloseTo((Math.abs(2 - 1) + Math.abs(1 - 0.6) + 0.2) / 5, 12);
  });

  it('survive JSON unchanged', () => {
    expect(JSON.parse(JSON.stringify(metrics))).toEqual(metrics);
  });
});

it('mean class accuracy is that of the whole set, which an average over batches is not', () => {
  const rows = [scored(0, 0), scored(0, 1), scored(0, 1), scored(1, 1)];
  const meanClass = (batch: typeof rows) => meanClassAccuracy(confusionMatrix(batch, 3));
  expect(meanClass(rows)).toBeCloseTo((1 / 3 + 1) / 2, 12);
  expect(batchAveraged((batch) => meanClass([...batch]), rows, 3)).toBeCloseTo((1 / 3 + 1) / 2, 12);
  expect(batchAveraged((batch) => meanClass([...batch]), rows, 2)).toBeCloseTo((1 / 2 + (0 + 1) / 2) / 2, 12);
});

it('an empty set has no metrics', () => {
  expect(() => computeMetrics([], ['a', 'b'])).toThrow(/at least one picture/);
});

it('a label outside the classes is an error', () => {
  expect(() => confusionMatrix([{ label: 3, predicted: 0 }], 3)).toThrow(/outside the 3 classes: label 3/);
  expect(() => confusionMatrix([{ label: 0, predicted: -1 }], 3)).toThrow(/predicted -1/);
});
