import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { answerOf } from '#uafer/predict/answer.js';
import { testModel } from '../support/testModel.js';

const floats = (...values: number[]) => Float32Array.from(values);
const evidential = (
  evidence: number[],
  model = testModel({ answer: { kind: 'evidence', evidence: 'relu' } }),
  abstain?: number,
) => {
  const strength = evidence.reduce((sum, e) => sum + e + 1, 0);
  const probabilities = floats(...evidence.map((e) => (e + 1) / strength));
  return answerOf({ logits: floats(...evidence), probabilities, evidence: floats(...evidence) }, model, abstain);
};

describe('an evidential answer', () => {
  it('by hand: alpha = (3, 1), S = 4', () => {
    const answer = evidential([2, 0]);
    expect(answer.expression).toBe('happy');
    expect(answer.probabilities).toEqual({ happy: 0.75, sad: 0.25 });
    expect(answer.uncertainty).toBe(0.5); // C / S
    // 3/4 (psi(5) - psi(4)) + 1/4 (psi(5) - psi(2)) = 3/4 1/4 + 1/4 (1/2 + 1/3 + 1/4) over log 2
    expect(answer.ambiguity).toBeCloseTo((3 / 16 + 13 / 48) / Math.LN2, 10);
  });

  it('without evidence is wholly uncertain, and takes the first of equal classes', () => {
    expect(evidential([0, 0])).toMatchObject({ expression: 'happy', uncertainty: 1 });
  });

  it('of ReLU evidence takes its class from the logits, where the probabilities are equal', () => {
    const raw = { logits: floats(-2, -1), probabilities: floats(0.5, 0.5), evidence: floats(0, 0) };
    expect(answerOf(raw, testModel({ answer: { kind: 'evidence', evidence: 'relu' } })).expression).toBe('sad');
  });

  it('lies in its ranges, and more evidence is less uncertain', () => {
    fc.assert(
      fc.property(fc.float({ min: 0, max: 1e4, noNaN: true }), fc.float({ min: 0, max: 1e4, noNaN: true }), (a, b) => {
        const { uncertainty, ambiguity } = evidential([a, b]);
        expect(uncertainty).toBeGreaterThan(0);
        expect(uncertainty).toBeLessThanOrEqual(1);
        expect(ambiguity).toBeGreaterThanOrEqual(0);
        expect(ambiguity).toBeLessThanOrEqual(1);
        expect(evidential([a + 1, b]).uncertainty).toBeLessThan(uncertainty);
      }),
    );
  });
});

it('of softmax has the entropy as its uncertainty', () => {
  const answer = answerOf({ logits: floats(0, 0), probabilities: floats(0.5, 0.5), evidence: null }, testModel());
  expect(answer.uncertainty).toBeCloseTo(1, 6);
  const sure = answerOf({ logits: floats(9, 0), probabilities: floats(1, 0), evidence: null }, testModel());
  expect(sure).toMatchObject({ uncertainty: 0, ambiguity: 0, decision: null });
});

describe('the decision', () => {
  const model = testModel({
    answer: { kind: 'evidence', evidence: 'relu' },
    decision: { reject: { uncertainty: 0.6 }, report: { probability: 0.7 }, rates: 'for a test' },
  });

  it('is to report what is sure, to name both expressions of what people would dispute, and to reject what has little evidence', () => {
    expect(evidential([2, 0], model).decision).toBe('report');
    expect(evidential([1, 1], model)).toMatchObject({ decision: 'ambiguous', candidates: ['happy', 'sad'] });
    expect(evidential([0.2, 0.4], model).decision).toBe('reject');
  });

  it('takes a threshold that is given in place of the own one; without any there is none', () => {
    expect(evidential([0.2, 0.4], model, 0.9).decision).toBe('ambiguous');
    const plain = testModel({ answer: { kind: 'evidence', evidence: 'relu' } });
    expect(evidential([0.2, 0.4], plain).decision).toBeNull();
    expect(evidential([0.2, 0.4], plain, 0.5).decision).toBe('reject');
    expect(evidential([8, 0], plain, 0.5).decision).toBe('report');
  });
});
