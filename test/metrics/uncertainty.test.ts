import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { areaUnderRiskCoverage, errorAuroc, expectedCalibrationError } from '#uafer/metrics/uncertainty.js';

describe('expected calibration error', () => {
  it('is the gap of confidence and accuracy in each bin, weighted by its pictures', () => {
    // 0.95 twice (one right) in the last bin: |1 - 1.9|; 0.5 (right) in another: |1 - 0.5|.
    expect(expectedCalibrationError([0.95, 0.95, 0.5], [true, false, true])).toBeCloseTo((0.9 + 0.5) / 3, 12);
  });

  it('is 0 for predictions that are sure and right, 1 for sure and wrong', () => {
    expect(expectedCalibrationError([1, 1], [true, true])).toBe(0);
    expect(expectedCalibrationError([1, 1], [false, false])).toBe(1);
    expect(expectedCalibrationError([0, 0], [false, false])).toBe(0);
  });

  it('has bins that are closed above', () => {
    // 1/15 belongs to the first bin with 0.01, 0.07 to the second.
    expect(expectedCalibrationError([1 / 15, 0.01], [false, true])).toBeCloseTo((1 - 1 / 15 - 0.01) / 2, 12);
    expect(expectedCalibrationError([0.07, 0.01], [false, true])).toBeCloseTo((0.07 + 0.99) / 2, 12);
  });
});

describe('AUROC of uncertainty for errors', () => {
  it('counts ties half', () => {
    expect(errorAuroc([0.1, 0.2, 0.2, 0.9], [true, true, false, false])).toBeCloseTo(3.5 / 4, 12);
  });

  it('is undefined without errors and without right predictions', () => {
    expect(errorAuroc([0.1, 0.2], [true, true])).toBeNull();
    expect(errorAuroc([0.1, 0.2], [false, false])).toBeNull();
  });

  it('is the share of pairs of a wrong and a right prediction that uncertainty orders', () => {
    const predictions = fc.array(fc.tuple(fc.integer({ min: 0, max: 5 }), fc.boolean()), { minLength: 1 });
    fc.assert(
      fc.property(predictions, (rows) => {
        const of = (correct: boolean) => rows.flatMap(([u, c]) => (c === correct ? [u] : []));
        const pairs = of(false).flatMap((wrong) => of(true).map((right) => (wrong > right ? 1 : wrong === right ? 0.5 : 0)));
        const expected = pairs.length === 0 ? null : pairs.reduce<number>((total, pair) => total + pair, 0) / pairs.length;
        const [uncertainty, correct] = [rows.map(([u]) => u), rows.map(([, c]) => c)];
        const found = errorAuroc(uncertainty, correct);
        if (expected === null) expect(found).toBeNull();
        else expect(found).toBeCloseTo(expected, 12);
      }),
    );
  });
});

describe('area under the risk-coverage curve', () => {
  it('is the mean risk over coverages', () => {
    // Risks 0, 0, 1/3, 2/4.
    expect(areaUnderRiskCoverage([0.4, 0.1, 0.2, 0.3], [false, true, true, false])).toBeCloseTo((1 / 3 + 1 / 2) / 4, 12);
  });

  it('spreads errors evenly over ties', () => {
    // Risks 0; 0.5 / 2, 1 / 3; 2 / 4.
    expect(areaUnderRiskCoverage([0.1, 0.2, 0.2, 0.9], [true, true, false, false])).toBeCloseTo((0.25 + 1 / 3 + 0.5) / 4, 12);
  });

  it('does not depend on the order of the pictures, and is the error rate when all are equally uncertain', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.integer({ min: 0, max: 4 }), fc.boolean()), { minLength: 1 }), (rows) => {
        const area = (list: typeof rows) => areaUnderRiskCoverage(...([list.map(([u]) => u), list.map(([, c]) => c)] as const));
        expect(area([...rows].reverse())).toBeCloseTo(area(rows), 12);
        const errorRate = rows.filter(([, correct]) => !correct).length / rows.length;
        expect(area(rows.map(([, correct]) => [0, correct]))).toBeCloseTo(errorRate, 12);
      }),
    );
  });
});
