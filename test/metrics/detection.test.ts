import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { auroc, averagePrecision, falsePositiveRate } from '#uafer/metrics/detection.js';
import { levelsOf } from '#uafer/metrics/levels.js';

/** Uncertainty as a detector of errors. */
const errorsBy = (uncertainty: readonly number[], correct: readonly boolean[]) =>
  levelsOf(
    uncertainty,
    correct.map((right) => !right),
  );
const errorAuroc = (uncertainty: readonly number[], correct: readonly boolean[]) => auroc(errorsBy(uncertainty, correct));
/** Few distinct scores, so that there are ties. */
const rowsOf = (most: number) => fc.array(fc.tuple(fc.integer({ min: 0, max: most }), fc.boolean()), { minLength: 1 });
const unzip = (rows: readonly (readonly [number, boolean])[]) => [rows.map(([u]) => u), rows.map(([, c]) => c)] as const;

describe('AUROC of uncertainty for errors', () => {
  it('counts ties half', () => {
    expect(errorAuroc([0.1, 0.2, 0.2, 0.9], [true, true, false, false])).toBeCloseTo(3.5 / 4, 12);
  });

  it('is undefined without errors and without right predictions', () => {
    expect(errorAuroc([0.1, 0.2], [true, true])).toBeNull();
    expect(errorAuroc([0.1, 0.2], [false, false])).toBeNull();
  });

  it('is the share of pairs of a wrong and a right prediction that uncertainty orders', () => {
    fc.assert(
      fc.property(rowsOf(5), (rows) => {
        const of = (correct: boolean) => rows.flatMap(([u, c]) => (c === correct ? [u] : []));
        const pairs = of(false).flatMap((wrong) => of(true).map((right) => (wrong > right ? 1 : wrong === right ? 0.5 : 0)));
        const expected = pairs.length === 0 ? null : pairs.reduce<number>((total, pair) => total + pair, 0) / pairs.length;
        const found = errorAuroc(...unzip(rows));
        if (expected === null) expect(found).toBeNull();
        else expect(found).toBeCloseTo(expected, 12);
      }),
    );
  });

  it('is 1/2 for a constant score', () => {
    expect(errorAuroc([7, 7, 7], [true, false, true])).toBe(0.5);
  });
});

describe('average precision', () => {
  it('is the precision at each recall that is won', () => {
    // From above: error (1/1), right, error (2/3), right.
    expect(averagePrecision(errorsBy([0.9, 0.8, 0.7, 0.1], [false, true, false, true]))).toBeCloseTo((1 + 2 / 3) / 2, 12);
  });

  it('takes equals together, so that a constant score has the share of errors', () => {
    expect(averagePrecision(errorsBy([1, 1, 1, 1], [false, true, true, true]))).toBe(0.25);
  });

  it('is undefined without errors and without right predictions', () => {
    expect(averagePrecision(errorsBy([0.1], [true]))).toBeNull();
    expect(averagePrecision(errorsBy([0.1], [false]))).toBeNull();
  });
});

describe('false positive rate at a recall', () => {
  it('is what the highest threshold that finds enough flags of the others', () => {
    const levels = errorsBy([0.9, 0.8, 0.7, 0.6, 0.1], [false, true, false, true, true]);
    expect(falsePositiveRate(levels, 0.5)).toBe(0);
    expect(falsePositiveRate(levels, 0.95)).toBeCloseTo(1 / 3, 12);
  });

  it('never splits equals', () => {
    expect(falsePositiveRate(errorsBy([1, 1, 1, 0], [false, true, true, true]), 0.5)).toBeCloseTo(2 / 3, 12);
  });

  it('is undefined without errors and without right predictions', () => {
    expect(falsePositiveRate(errorsBy([0.1], [true]))).toBeNull();
    expect(falsePositiveRate(errorsBy([0.1], [false]))).toBeNull();
  });
});

it('no increasing map of the score and no order of the pictures changes any of them', () => {
  fc.assert(
    fc.property(rowsOf(6), (rows) => {
      const [uncertainty, correct] = unzip(rows);
      const before = errorsBy(uncertainty, correct);
      const mapped = errorsBy(
        uncertainty.map((u) => Math.exp(u / 2) - 40),
        correct,
      );
      const turned = errorsBy(uncertainty.toReversed(), correct.toReversed());
      for (const figure of [auroc, averagePrecision, (levels: typeof before) => falsePositiveRate(levels)]) {
        expect(figure(mapped)).toBe(figure(before));
        expect(figure(turned)).toBe(figure(before));
      }
    }),
  );
});

it('the opposite score has the opposite AUROC', () => {
  fc.assert(
    fc.property(rowsOf(6), (rows) => {
      const [uncertainty, correct] = unzip(rows);
      const one = errorAuroc(uncertainty, correct);
      const other = errorAuroc(
        uncertainty.map((u) => -u),
        correct,
      );
      if (one === null) expect(other).toBeNull();
      else expect(other).toBeCloseTo(1 - one, 12);
    }),
  );
});
