import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { answerOf } from '#uafer/predict/answer.js';
import { testModel } from '../support/testModel.js';

const evidential = (
  evidence: number[],
  model = testModel({ answer: { kind: 'evidence', evidence: 'relu' } }),
  abstain?: number,
) => {
  return answerOf({ logits: evidence, evidence }, model, abstain);
};

describe('an evidential answer', () => {
  it('by hand: alpha = (3, 1), S = 4', () => {
    const answer = evidential([2, 0]);
    expect(answer.expression).toBe('happy');
    expect(answer.probabilities.happy).toBeCloseTo(0.75, 12);
    expect(answer.probabilities.sad).toBeCloseTo(0.25, 12);
    expect(answer.uncertainty).toBe(0.5); // C / S
    // 3/4 (psi(5) - psi(4)) + 1/4 (psi(5) - psi(2)) = 3/4 1/4 + 1/4 (1/2 + 1/3 + 1/4) over log 2
    expect(answer.ambiguity).toBeCloseTo((3 / 16 + 13 / 48) / Math.LN2, 10);
  });

  it('without evidence is wholly uncertain, and takes the first of equal classes', () => {
    expect(evidential([0, 0])).toMatchObject({ expression: 'happy', uncertainty: 1 });
  });

  it('of ReLU evidence takes its class from the logits, where the probabilities are equal', () => {
    const raw = { logits: [-2, -1], evidence: [0, 0] };
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
  const answer = answerOf({ logits: [0, 0], evidence: null }, testModel());
  expect(answer.uncertainty).toBeCloseTo(1, 6);
  const sure = answerOf({ logits: [900, 0], evidence: null }, testModel());
  expect(sure).toMatchObject({ uncertainty: 0, ambiguity: 0, decision: null });
});

describe('the decision', () => {
  const model = testModel({
    answer: { kind: 'evidence', evidence: 'relu' },
    calibration: {
      scaling: { kind: 'temperature', temperature: 1 },
      evidence: null,
      riskHead: null,
      conformal: null,
      decision: { reject: { uncertainty: 0.6 }, report: { risk: 0.3 }, rates: { risk: 0.1, rejected: 0.1 } },
      fittedOn: 'nothing',
    },
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
