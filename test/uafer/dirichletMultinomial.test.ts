import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { scope, type Tensor, tensor, toArray } from '#uafer/engine/index.js';
import { dirichletMultinomialLogLikelihood } from '#uafer/metrics/votes.js';
import { dirichletMultinomialLoss } from '#uafer/uafer/dirichletMultinomial.js';
import { crossEntropyLoss } from '#uafer/uafer/plainLosses.js';
import { centralDifferences, gradientAt } from '../support/gradients.js';
import { expectClose } from '../support/numbers.js';

const CLASSES = 3;
const LOGITS = fc.array(fc.double({ min: -6, max: 8, noNaN: true }), { minLength: 2 * CLASSES, maxLength: 2 * CLASSES });
const VOTES = fc.array(fc.nat(9), { minLength: 2 * CLASSES, maxLength: 2 * CLASSES });
const lossOf = (logits: Tensor, votes: readonly number[]) => dirichletMultinomialLoss(logits, Float32Array.from(votes));
const double = (values: readonly number[]) => tensor(Float64Array.from(values), [values.length / CLASSES, CLASSES]);

describe('dirichletMultinomialLoss', () => {
  it('is the likelihood of the counts that the figures against votes have, which SciPy agrees with', () => {
    fc.assert(
      fc.property(LOGITS, VOTES, (logits, votes) =>
        scope(() => {
          const alpha = logits.map(Math.exp);
          const wanted = [0, CLASSES].map((from) => {
            const [row, parameters] = [votes, alpha].map((values) => values.slice(from, from + CLASSES));
            return dirichletMultinomialLogLikelihood(row as number[], parameters as number[]);
          });
          expect(lossOf(double(logits), votes).item()).toBeCloseTo(-((wanted[0] as number) + (wanted[1] as number)) / 2, 7);
        }),
      ),
      { numRuns: 60 },
    );
  });

  it('of one vote is the cross-entropy', () => {
    const logits = double([0.5, -1, 2, 3, 0, 0.1]);
    const labels = tensor(BigInt64Array.of(2n, 0n), [2]);
    expect(lossOf(logits, [0, 0, 1, 1, 0, 0]).item()).toBeCloseTo(crossEntropyLoss(logits, labels).item(), 12);
  });

  it('has the gradients of finite differences', () => {
    const values = [0.3, -2, 4, 1, 1.5, -0.7];
    const loss = (x: Tensor) => lossOf(x, [3, 0, 7, 1, 2, 0]);
    const slopes = scope(() => gradientAt(double(values), loss));
    expectClose(slopes, centralDifferences(values, [2, CLASSES], loss), { absolute: 1e-8 });
  });

  it('asks for more strength where votes are spread as the answer says, and for less where they are not', () => {
    const slopeByStrength = (votes: readonly number[]) =>
      scope(() => gradientAt(double([2, 2, 2]), (x) => lossOf(x, votes)).reduce((sum, slope) => sum + slope, 0));
    expect(slopeByStrength([3, 3, 3])).toBeLessThan(-0.1);
    expect(slopeByStrength([9, 0, 0])).toBeGreaterThan(0.1);
  });

  it('stays finite for logits that no exponential could hold', () => {
    const logits = tensor([300, -300, 0], [1, 3]);
    const slopes = scope(() => gradientAt(logits, (x) => lossOf(x, [4, 5, 1])));
    expect(Number.isFinite(lossOf(logits, [4, 5, 1]).item())).toBe(true);
    expect(slopes.every(Number.isFinite)).toBe(true);
  });

  it('without votes is 0', () => {
    expect(lossOf(double([1, 2, 3]), [0, 0, 0]).item()).toBe(0);
  });
});

it('keeps no logit from learning', () => {
  const slopes = toArray(
    tensor(
      scope(() => gradientAt(double([20, 1, 0]), (x) => lossOf(x, [0, 3, 0]))),
      [3],
    ),
  );
  expect(slopes[0]).toBeGreaterThan(0.1);
});
