import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Calibration, calibratedAnswer, calibrationSchema } from '#uafer/calibration/calibration.js';
import { type FitOptions, fitCalibration, type ValidationAnswer } from '#uafer/calibration/fitCalibration.js';
import { negativeLogLikelihood } from '#uafer/metrics/calibration.js';
import { calibratedForecasts } from '../support/forecasts.js';

const none: Calibration = {
  scaling: { kind: 'temperature', temperature: 1 },
  evidence: null,
  riskHead: null,
  conformal: null,
  decision: null,
  fittedOn: 'nothing',
};
const cooled = (temperature: number): Calibration => ({ ...none, scaling: { kind: 'temperature', temperature } });
const finite = fc.double({ min: -20, max: 20, noNaN: true });
const logits = fc.array(finite, { minLength: 2, maxLength: 9 });

describe('an answer', () => {
  it('without a calibration is the softmax, or the mean of evidence + 1', () => {
    const soft = calibratedAnswer({ logits: [Math.log(3), 0], evidence: null });
    expect(soft.probabilities[0]).toBeCloseTo(0.75, 12);
    expect(soft.alpha).toBeNull();
    expect(soft.uncertainty).toBeCloseTo(-(0.75 * Math.log2(0.75) + 0.25 * Math.log2(0.25)), 12);
    const evidential = calibratedAnswer({ logits: [2, -1], evidence: [2, 0] });
    expect(evidential.probabilities[0]).toBeCloseTo(0.75, 12);
    expect(evidential).toMatchObject({ alpha: [3, 1], uncertainty: 0.5 });
  });

  it('of evidence from logits by hand: a = (3, 1), and as much uncertainty as evidence of that size leaves', () => {
    const raw = { logits: [Math.log(9), 0], evidence: null };
    const answer = calibratedAnswer(raw, { ...none, evidence: { kind: 'logits', slope: 0.5, offset: 0 } });
    expect(answer.alpha?.[0]).toBeCloseTo(3.0001, 9);
    expect(answer.uncertainty).toBeCloseTo(2 / 6, 4); // W = 2, and evidence of 4
    expect(answer.probabilities[0]).toBeCloseTo(0.75, 4);
    // A temperature of 1/2 squares the odds, and leaves what people would say.
    const sharp = calibratedAnswer(raw, { ...cooled(0.5), evidence: { kind: 'logits', slope: 0.5, offset: 0 } });
    expect(sharp.probabilities[0]).toBeCloseTo(0.9, 4);
    expect(sharp.alpha).toEqual(answer.alpha);
  });

  it('lies in its ranges, and no temperature or scale changes the most probable class', () => {
    const scale = fc.double({ min: 0.01, max: 100, noNaN: true });
    fc.assert(
      fc.property(logits, scale, scale, fc.boolean(), (values, temperature, size, evidential) => {
        const raw = { logits: values, evidence: evidential ? values.map((value) => Math.max(0, value)) : null };
        const answer = calibratedAnswer(raw, {
          ...cooled(temperature),
          evidence: evidential ? { kind: 'scaled', scale: size } : { kind: 'logits', slope: Math.min(size, 1), offset: 0 },
        });
        const plain = calibratedAnswer(raw);
        expect(answer.probabilities.reduce((sum, p) => sum + p, 0)).toBeCloseTo(1, 9);
        const top = plain.probabilities.indexOf(Math.max(...plain.probabilities));
        expect(answer.probabilities[top]).toBeCloseTo(Math.max(...answer.probabilities), 9);
        for (const value of [answer.uncertainty, answer.ambiguity]) {
          expect(value).toBeGreaterThanOrEqual(-1e-12);
          expect(value).toBeLessThanOrEqual(1 + 1e-12);
        }
      }),
    );
  });

  it('of a broken network is an error', () => {
    expect(() => calibratedAnswer({ logits: [Number.NaN, 1], evidence: null })).toThrow(/weights are broken/);
  });
});

describe('fitting', () => {
  const forecasts = calibratedForecasts({ samples: 4000, classes: 5, seed: 5 });
  /** Too sure by a factor of 1.7. */
  const answers: ValidationAnswer[] = forecasts.map(({ label, logits: own }) => ({
    label,
    logits: own.map((z) => 1.7 * z),
    evidence: null,
  }));
  const options: FitOptions = {
    scaling: 'temperature',
    rates: { risk: 0.1, rejected: 0.05 },
    conformal: null,
    riskHead: false,
    fittedOn: 'a draw',
  };

  it('finds the temperature that the logits were multiplied by; without votes softmax has no evidence', () => {
    const { scaling, evidence } = fitCalibration(answers, options);
    expect(scaling.kind).toBe('temperature');
    expect(Math.abs((scaling as { temperature: number }).temperature - 1.7)).toBeLessThan(0.12);
    expect(evidence).toBeNull();
  });

  it('makes the labels more likely on other pictures', () => {
    const [half, rest] = [answers.slice(0, 2000), answers.slice(2000)];
    const calibration = fitCalibration(half, options);
    const loss = (given?: Calibration) =>
      negativeLogLikelihood(rest.map((raw) => ({ label: raw.label, ...calibratedAnswer(raw, given) })));
    expect(loss(calibration)).toBeLessThan(loss());
  });

  it('holds the rates of the decision', () => {
    const calibration = fitCalibration(answers, options);
    const judged = answers.map((raw) => {
      const { decision } = calibratedAnswer(raw, calibration);
      return { decision, correct: raw.logits.indexOf(Math.max(...raw.logits)) === raw.label };
    });
    const reported = judged.filter(({ decision }) => decision === 'report');
    expect(reported.length).toBeGreaterThan(0);
    expect(reported.filter(({ correct }) => !correct).length / reported.length).toBeLessThanOrEqual(0.1);
    expect(judged.filter(({ decision }) => decision === 'reject').length / judged.length).toBeLessThanOrEqual(0.05);
  });

  it('scales the evidence of an evidential model, by votes where there are some', () => {
    const evidential = answers.map((raw) => ({ ...raw, evidence: raw.logits.map((z) => Math.exp(z) / 50) }));
    const byLabels = fitCalibration(evidential, options);
    expect(byLabels.evidence).toMatchObject({ kind: 'scaled' });
    const voted = evidential.map((raw) => ({ ...raw, votes: raw.logits.map((_, c) => (c === raw.label ? 9 : 1)) }));
    expect(fitCalibration(voted, options).evidence).not.toEqual(byLabels.evidence);
  });

  it('by vector scaling undoes what was added to one class, and the answer is that of the scaled logits', () => {
    const shifted = answers.map((raw) => ({ ...raw, logits: raw.logits.map((z, c) => (c === 2 ? z + 3 : z)) }));
    const { scaling } = fitCalibration(shifted, { ...options, scaling: 'vector' });
    const calibration = { ...none, scaling };
    const right = (of: (raw: ValidationAnswer) => readonly number[]) =>
      shifted.filter((raw) => of(raw).indexOf(Math.max(...of(raw))) === raw.label).length / shifted.length;
    expect(right((raw) => calibratedAnswer(raw, calibration).logits)).toBeGreaterThan(right((raw) => raw.logits) + 0.05);
    expect((scaling as { biases: number[] }).biases[2]).toBeLessThan(-1);
  });

  it('gives sets that hold the right class as often as it was asked, on other pictures too', () => {
    const calibration = fitCalibration(answers.slice(0, 2000), { ...options, conformal: { method: 'raps', coverage: 0.9 } });
    const rest = answers.slice(2000);
    const held = rest.filter((raw) => calibratedAnswer(raw, calibration).set?.includes(raw.label)).length / rest.length;
    // Three standard errors of 2,000 pictures, on the side that counts.
    expect(held).toBeGreaterThan(0.9 - 0.02);
    expect(calibratedAnswer(rest[0] as ValidationAnswer, calibration).set?.length).toBeGreaterThan(0);
  });

  it('by a risk head says how probably an answer is wrong', () => {
    const calibration = fitCalibration(answers.slice(0, 2000), { ...options, riskHead: true });
    const rest = answers.slice(2000).map((raw) => {
      const { risk, logits: own } = calibratedAnswer(raw, calibration);
      return { risk, wrong: own.indexOf(Math.max(...own)) !== raw.label };
    });
    const mean = (values: number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
    expect(mean(rest.map(({ risk }) => risk))).toBeCloseTo(mean(rest.map(({ wrong }) => Number(wrong))), 1);
    expect(mean(rest.filter(({ wrong }) => wrong).map(({ risk }) => risk))).toBeGreaterThan(
      mean(rest.filter(({ wrong }) => !wrong).map(({ risk }) => risk)) + 0.1,
    );
  });

  it('is plain data that a file holds, and the same to the last bit when it is made again', () => {
    const everything: FitOptions = { ...options, conformal: { method: 'aps', coverage: 0.9 }, riskHead: true };
    const calibration = fitCalibration(answers, everything);
    expect(calibrationSchema.parse(JSON.parse(JSON.stringify(calibration)))).toEqual(calibration);
    expect(fitCalibration(answers, everything)).toEqual(calibration);
  });

  it.each<[string, ValidationAnswer[], RegExp]>([
    ['no picture', [], /at least one/],
    [
      'answers of two kinds',
      [answers[0] as ValidationAnswer, { ...(answers[1] as ValidationAnswer), evidence: [1, 1, 1, 1, 1] }],
      /Some answers have evidence/,
    ],
    ['logits that are none', [{ label: 0, logits: [Number.NaN, 1], evidence: null }], /weights are broken/],
  ])('%s is an error', (_, broken, message) => {
    expect(() => fitCalibration(broken, options)).toThrow(message);
  });

  it('one picture, right, is reported; one picture, wrong, is not', () => {
    const one = (label: number) => fitCalibration([{ label, logits: [3, 0], evidence: null }], options);
    expect(one(0).decision?.report.risk).toBeGreaterThanOrEqual(0);
    expect(one(1).decision?.report.risk).toBeNull();
  });
});
