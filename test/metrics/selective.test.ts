import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { auroc } from '#uafer/metrics/detection.js';
import { type Levels, levelsOf } from '#uafer/metrics/levels.js';
import {
  areaUnderGeneralizedRiskCoverage,
  areaUnderRiskCoverage,
  coverageAtRisk,
  excessAreaUnderRiskCoverage,
  riskAtCoverage,
  riskCoverageCurve,
} from '#uafer/metrics/selective.js';
import { createRandom } from '#uafer/random.js';

const errorsBy = (uncertainty: readonly number[], correct: readonly boolean[]) =>
  levelsOf(
    uncertainty,
    correct.map((right) => !right),
  );
type Row = readonly [uncertainty: number, correct: boolean];
const levelsOfRows = (rows: readonly Row[]) =>
  errorsBy(
    rows.map(([u]) => u),
    rows.map(([, c]) => c),
  );
const rows: fc.Arbitrary<Row[]> = fc.array(fc.tuple(fc.integer({ min: 0, max: 4 }), fc.boolean()), { minLength: 1 });
const errorRate = (list: readonly Row[]) => list.filter(([, correct]) => !correct).length / list.length;

describe('area under the risk-coverage curve', () => {
  const area = (uncertainty: readonly number[], correct: readonly boolean[]) =>
    areaUnderRiskCoverage(errorsBy(uncertainty, correct));

  it('is the mean risk over coverages', () => {
    // Risks 0, 0, 1/3, 2/4.
    expect(area([0.4, 0.1, 0.2, 0.3], [false, true, true, false])).toBeCloseTo((1 / 3 + 1 / 2) / 4, 12);
  });

  it('spreads errors evenly over ties', () => {
    // Risks 0; 0.5 / 2, 1 / 3; 2 / 4.
    expect(area([0.1, 0.2, 0.2, 0.9], [true, true, false, false])).toBeCloseTo((0.25 + 1 / 3 + 0.5) / 4, 12);
  });

  it('does not depend on the order of the pictures, and is the error rate when all are equally uncertain', () => {
    fc.assert(
      fc.property(rows, (list) => {
        expect(areaUnderRiskCoverage(levelsOfRows(list.toReversed()))).toBeCloseTo(
          areaUnderRiskCoverage(levelsOfRows(list)),
          12,
        );
        expect(areaUnderRiskCoverage(levelsOfRows(list.map(([, correct]) => [0, correct])))).toBeCloseTo(errorRate(list), 12);
      }),
    );
  });

  it('lies between that of the best order and that of the worst', () => {
    fc.assert(
      fc.property(rows, (list) => {
        const best = areaUnderRiskCoverage(levelsOfRows(list.map(([, correct]) => [correct ? 0 : 1, correct])));
        const worst = areaUnderRiskCoverage(levelsOfRows(list.map(([, correct]) => [correct ? 1 : 0, correct])));
        const found = areaUnderRiskCoverage(levelsOfRows(list));
        expect(found).toBeGreaterThanOrEqual(best - 1e-12);
        expect(found).toBeLessThanOrEqual(worst + 1e-12);
        expect(excessAreaUnderRiskCoverage(levelsOfRows(list))).toBeCloseTo(
          found - areaUnderRiskCoverage(levelsOfRows(ordered(list))),
          12,
        );
      }),
    );
  });
});

/** Every error more uncertain than every right answer, and no ties. */
function ordered(list: readonly Row[]): Row[] {
  return list.toSorted(([, a], [, b]) => Number(b) - Number(a)).map(([, correct], i) => [i, correct]);
}

it('excess AURC is 0 for the best order without ties, and for a set without errors', () => {
  expect(excessAreaUnderRiskCoverage(errorsBy([1, 2, 3, 4], [true, true, false, false]))).toBe(0);
  expect(excessAreaUnderRiskCoverage(errorsBy([1, 2], [true, true]))).toBe(0);
});

describe('area under the generalised risk-coverage curve', () => {
  it('is the mean share that is answered and wrong', () => {
    // Of four: 0, 0, 1, 2 errors.
    expect(areaUnderGeneralizedRiskCoverage(errorsBy([0.4, 0.1, 0.2, 0.3], [false, true, true, false]))).toBeCloseTo(
      3 / 16,
      12,
    );
  });

  it('is made of AUROC and the error rate', () => {
    fc.assert(
      fc.property(rows, (list) => {
        const levels = levelsOfRows(list);
        const error = errorRate(list);
        const order = auroc(levels) ?? 0;
        expect(areaUnderGeneralizedRiskCoverage(levels)).toBeCloseTo(
          (1 - order) * error * (1 - error) + (error * error) / 2 + error / (2 * list.length),
          12,
        );
      }),
    );
  });
});

it('a random score has about the error rate as AURC and half of it as AUGRC', () => {
  const random = createRandom({ seed: 1, epoch: 0, stream: 0, position: 0 });
  const list = Array.from({ length: 20_000 }, (): Row => [random.next(), random.next() >= 0.2]);
  // Deviations over seeds are .003 and .0015.
  expect(Math.abs(areaUnderRiskCoverage(levelsOfRows(list)) - errorRate(list))).toBeLessThan(0.012);
  expect(Math.abs(areaUnderGeneralizedRiskCoverage(levelsOfRows(list)) - errorRate(list) / 2)).toBeLessThan(0.006);
});

describe('the curve', () => {
  it('has a point for each threshold that there is', () => {
    expect(riskCoverageCurve(errorsBy([0.1, 0.2, 0.2, 0.9], [true, true, false, false]))).toEqual([
      { threshold: 0.1, coverage: 0.25, risk: 0 },
      { threshold: 0.2, coverage: 0.75, risk: 1 / 3 },
      { threshold: 0.9, coverage: 1, risk: 0.5 },
    ]);
  });

  it('tells the largest coverage at a risk, which is 0 where no threshold reaches it', () => {
    const levels = errorsBy([0.1, 0.2, 0.3, 0.4], [false, true, true, true]);
    expect(coverageAtRisk(levels, 0.25)).toBe(1);
    expect(coverageAtRisk(levels, 0.3)).toBe(1);
    expect(coverageAtRisk(levels, 0.2)).toBe(0);
    expect(coverageAtRisk(errorsBy([0.1, 0.2, 0.3], [true, false, false]), 0.05)).toBeCloseTo(1 / 3, 12);
  });

  it('tells the risk at the lowest threshold that covers enough', () => {
    const levels = errorsBy([0.1, 0.2, 0.2, 0.9], [true, true, false, false]);
    expect(riskAtCoverage(levels, 0.25)).toBe(0);
    expect(riskAtCoverage(levels, 0.3)).toBeCloseTo(1 / 3, 12);
    expect(riskAtCoverage(levels, 0.8)).toBe(0.5);
  });

  it('of a constant score is one point: all or nothing', () => {
    const levels: Levels = errorsBy([5, 5, 5, 5], [true, true, true, false]);
    expect(riskCoverageCurve(levels)).toEqual([{ threshold: 5, coverage: 1, risk: 0.25 }]);
    expect(coverageAtRisk(levels, 0.05)).toBe(0);
    expect(riskAtCoverage(levels, 0.8)).toBe(0.25);
  });
});
