import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Answer } from '#uafer/predict/answer.js';
import { createEvidenceWindow, fuseOverTime, type TimedAnswer } from '#uafer/predict/evidenceOverTime.js';
import { testModel } from '../support/testModel.js';

const CLASSES = ['happy', 'sad', 'fear'];
const model = testModel({
  classes: CLASSES,
  calibration: {
    scaling: { kind: 'temperature', temperature: 1 },
    evidence: { kind: 'logits', slope: 1, offset: 0 },
    riskHead: null,
    conformal: { method: 'thr', coverage: 0.9, threshold: 0.7 },
    decision: { reject: { uncertainty: 0.6 }, report: { risk: 0.3 }, rates: { risk: 0.1, rejected: 0.1 } },
    fittedOn: 'nothing',
  },
});

function answer(probabilities: readonly number[], uncertainty: number, changed: Partial<Answer> = {}): Answer {
  const top = Math.max(...probabilities);
  return {
    expression: CLASSES[probabilities.indexOf(top)] as string,
    probabilities: Object.fromEntries(CLASSES.map((name, c) => [name, probabilities[c] as number])),
    uncertainty,
    ambiguity: 0.5,
    risk: 1 - top,
    decision: null,
    ...changed,
  };
}

const at = (time: number, probabilities: readonly number[], uncertainty: number): TimedAnswer => ({
  time,
  answer: answer(probabilities, uncertainty),
});
const values = ({ probabilities }: Answer) => CLASSES.map((name) => probabilities[name] as number);

const shares = fc
  .tuple(fc.integer({ min: 1, max: 100 }), fc.integer({ min: 1, max: 100 }), fc.integer({ min: 1, max: 100 }))
  .map((parts) => parts.map((part) => part / (parts[0] + parts[1] + parts[2])));
const uncertainties = fc.double({ min: 0.01, max: 0.99, noNaN: true });
const timed = fc
  .tuple(fc.double({ min: -2, max: 0, noNaN: true }), shares, uncertainties)
  .map(([time, probabilities, uncertainty]) => at(time, probabilities, uncertainty));
const several = fc.array(timed, { minLength: 1, maxLength: 12 });

/** Sums of the same numbers in another order: 1e-12 is a thousand times what they may differ by. */
const DIGITS = 12;

describe('answers fused over time', () => {
  it('are right by hand', () => {
    // r = p c / u: (3.6, 0.4, 0) of c = 0.8 and (0.2, 0.8, 0) of c = 0.5. A half-life ago the second counts half: w = 0.8 and 0.25.
    const fused = fuseOverTime([at(10, [0.9, 0.1, 0], 0.2), at(9.5, [0.2, 0.8, 0], 0.5)], 10, model);
    const evidence = [(0.8 * 3.6 + 0.25 * 0.2) / 1.05, (0.8 * 0.4 + 0.25 * 0.8) / 1.05];
    const total = (evidence[0] as number) + (evidence[1] as number);
    const p = (evidence[0] as number) / total;
    expect(fused.probabilities.happy).toBeCloseTo(p, DIGITS);
    const conflict = (0.8 * 0.8 * (0.9 - p) + 0.25 * 0.5 * (p - 0.2)) / 1.05;
    expect(fused.uncertainty).toBeCloseTo(1 - (1 - conflict) * (total / (1 + total)), DIGITS);
    expect(fused.risk).toBeCloseTo(1 - p, DIGITS);
    expect(fused).toMatchObject({ expression: 'happy', decision: 'report', set: ['happy'] });
  });

  it('do not depend on their order', () => {
    fc.assert(
      fc.property(several, fc.infiniteStream(fc.nat()), (answers, keys) => {
        const shuffled = answers
          .map((each) => [keys.next().value as number, each] as const)
          .sort(([a], [b]) => a - b)
          .map(([, each]) => each);
        const [one, other] = [fuseOverTime(answers, 0, model), fuseOverTime(shuffled, 0, model)];
        expect(other.uncertainty).toBeCloseTo(one.uncertainty, DIGITS);
        expect(other.risk).toBeCloseTo(one.risk, DIGITS);
        values(other).forEach((value, c) => {
          expect(value).toBeCloseTo(values(one)[c] as number, DIGITS);
        });
      }),
    );
  });

  it('are not changed by one that says nothing, whatever it says is probable', () => {
    fc.assert(
      fc.property(several, shares, fc.double({ min: -2, max: 0, noNaN: true }), (answers, probabilities, time) => {
        const without = fuseOverTime(answers, 0, model);
        expect(fuseOverTime([...answers, at(time, probabilities, 1)], 0, model)).toEqual(without);
      }),
    );
  });

  it('are less certain where they contradict each other, the more the further apart they are', () => {
    fc.assert(
      fc.property(uncertainties, uncertainties, fc.double({ min: 0.01, max: 0.5, noNaN: true }), (u, v, apart) => {
        const fused = (by: number) =>
          fuseOverTime([at(0, [0.5 + by, 0.5 - by, 0], u), at(0, [0.5 - by, 0.5 + by, 0], v)], 0, model).uncertainty;
        expect(fused(apart)).toBeGreaterThan(fused(apart / 2));
        expect(fused(apart / 2)).toBeGreaterThan(fused(0));
      }),
    );
  });

  it('of one now are that one, and of one said again and again too: neighbouring frames are no independent witnesses', () => {
    fc.assert(
      fc.property(shares, uncertainties, fc.integer({ min: 1, max: 60 }), (probabilities, uncertainty, count) => {
        const one = answer(probabilities, uncertainty);
        const fused = fuseOverTime(
          Array.from({ length: count }, (_, i) => ({ time: -i / 30, answer: one })),
          0,
          model,
        );
        expect(fused.uncertainty).toBeCloseTo(uncertainty, DIGITS);
        expect(fused.risk).toBeCloseTo(one.risk, DIGITS);
        expect(fused.ambiguity).toBeCloseTo(one.ambiguity, DIGITS);
        values(fused).forEach((value, c) => {
          expect(value).toBeCloseTo(probabilities[c] as number, DIGITS);
        });
      }),
    );
  });

  it('are forgotten: half of the certainty is left after a half-life, and what is newer counts more', () => {
    for (const halfLife of [0.25, 0.5, 2]) {
      const { uncertainty } = fuseOverTime([at(0, [0.8, 0.1, 0.1], 0.2)], halfLife, model, { halfLife });
      expect(uncertainty).toBeCloseTo(1 - 0.8 / 2, DIGITS);
    }
    const pair = (first: number, second: number) => [at(first, [0.8, 0.1, 0.1], 0.2), at(second, [0.1, 0.8, 0.1], 0.2)];
    expect(fuseOverTime(pair(0, 1), 1, model).expression).toBe('sad');
    expect(fuseOverTime(pair(1, 0), 1, model).expression).toBe('happy');
  });

  it('lie in their ranges, and are never more certain than the most certain of them', () => {
    fc.assert(
      fc.property(several, (answers) => {
        const { uncertainty, risk, ambiguity, probabilities } = fuseOverTime(answers, 0, model);
        for (const value of [uncertainty, risk, ambiguity, ...Object.values(probabilities)]) {
          expect(value).toBeGreaterThanOrEqual(-1e-12);
          expect(value).toBeLessThanOrEqual(1 + 1e-12);
        }
        expect(Object.values(probabilities).reduce((sum, p) => sum + p)).toBeCloseTo(1, DIGITS);
        expect(uncertainty).toBeGreaterThanOrEqual(Math.min(...answers.map((each) => each.answer.uncertainty)) - 1e-12);
      }),
    );
  });

  it('carry a decision by the thresholds of the model, or by one that is given', () => {
    const sure = [at(0, [0.9, 0.05, 0.05], 0.2), at(0, [0.8, 0.1, 0.1], 0.3)];
    const disputed = [at(0, [0.55, 0.4, 0.05], 0.2), at(0, [0.4, 0.55, 0.05], 0.3)];
    expect(fuseOverTime(sure, 0, model).decision).toBe('report');
    expect(fuseOverTime(disputed, 0, model)).toMatchObject({ decision: 'ambiguous', candidates: ['happy', 'sad'] });
    expect(fuseOverTime(sure, 0.8, model).decision).toBe('reject');
    expect(fuseOverTime(sure, 0, model, { abstain: 0.1 }).decision).toBe('reject');
    expect(fuseOverTime(sure, 0, { classes: CLASSES }).decision).toBeNull();
  });

  it('without any evidence are wholly uncertain, and of equal classes the newest one is said', () => {
    const nothing = [at(-1, [0.4, 0.4, 0.2], 1), { time: 0, answer: answer([0.4, 0.4, 0.2], 1, { expression: 'sad' }) }];
    expect(fuseOverTime(nothing, 0, model)).toMatchObject({ uncertainty: 1, expression: 'sad', decision: 'reject' });
  });

  it('take the risk of the fused expression, also where a model knows it better than by the probability', () => {
    const headed = [
      { time: 0, answer: answer([0.9, 0.1, 0], 0.5, { risk: 0.4 }) },
      { time: 0, answer: answer([0.2, 0.8, 0], 0.5, { risk: 0.1 }) },
    ];
    // Equal weights: of the first its own risk, of the second that it is something else than happy.
    expect(fuseOverTime(headed, 0, model).risk).toBeCloseTo((0.4 + 0.8) / 2, DIGITS);
  });

  it('of a model that is certain beyond evidence stay numbers', () => {
    const { uncertainty, probabilities } = fuseOverTime([at(0, [1, 0, 0], 0), at(0, [0, 1, 0], 0)], 0, model);
    expect(probabilities.happy).toBeCloseTo(0.5, 9);
    expect(uncertainty).toBeCloseTo(0.5, 6);
  });

  it('need an answer, none of the future, and a half-life', () => {
    expect(() => fuseOverTime([], 0, model)).toThrow(/no answer to fuse/);
    expect(() => fuseOverTime([at(1, [1, 0, 0], 0.5)], 0, model)).toThrow(/cannot be known/);
    expect(() => fuseOverTime([at(0, [1, 0, 0], 0.5)], 0, model, { halfLife: 0 })).toThrow(
      /halfLife: expected seconds above 0/,
    );
  });
});

describe('a window', () => {
  it('gives what is fused of the answers of its seconds, and drops those before', () => {
    const window = createEvidenceWindow(model, { seconds: 1 });
    const all = [0, 0.4, 0.8, 1.2].map((time, i) => at(time, i === 0 ? [0, 0, 1] : [0.7, 0.2, 0.1], 0.3));
    const fused = all.map(({ time, answer }) => window.add(time, answer));
    expect(fused[2]).toEqual(fuseOverTime(all.slice(0, 3), 0.8, model));
    expect(fused[3]).toEqual(fuseOverTime(all.slice(1), 1.2, model));
  });

  it('holds no more than so many answers however fast they come', () => {
    const window = createEvidenceWindow(model, { seconds: 1e9, halfLife: 1e9 });
    let fused = window.add(0, answer([0, 0, 1], 0.1));
    for (let i = 1; i <= 256; i++) fused = window.add(i / 1e6, answer([1, 0, 0], 0.3));
    expect(fused.probabilities.fear).toBe(0);
  });

  it('refuses seconds that are none', () => {
    expect(() => createEvidenceWindow(model, { seconds: 0 })).toThrow(/seconds: expected a time above 0/);
  });
});
