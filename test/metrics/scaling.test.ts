import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { expectedCalibrationError, negativeLogLikelihood } from '#uafer/metrics/calibration.js';
import {
  applyEvidenceScale,
  applyTemperature,
  applyVectorScaling,
  fitEvidenceScale,
  fitStrengthScale,
  fitTemperature,
  fitVectorScaling,
  logProbabilities,
  softmax,
} from '#uafer/metrics/scaling.js';
import { createRandom } from '#uafer/random.js';
import { calibratedForecasts, drawFrom } from '../support/forecasts.js';

const calibrated = calibratedForecasts({ samples: 4000, classes: 4, seed: 11 });

describe('temperature', () => {
  it('undoes what logits were multiplied by', () => {
    const own = fitTemperature(calibrated);
    // Of calibrated logits it is 1, to within the sample: its deviation is about .02.
    expect(Math.abs(own - 1)).toBeLessThan(0.08);
    for (const factor of [0.2, 3]) {
      const rows = calibrated.map(({ label, logits }) => ({ label, logits: logits.map((z) => factor * z) }));
      expect(fitTemperature(rows)).toBeCloseTo(factor * own, 9);
    }
  });

  it('lowers the likelihood loss below that of any other', () => {
    const rows = calibrated.map(({ label, logits }) => ({ label, logits: logits.map((z) => 4 * z) }));
    const loss = (temperature: number) =>
      negativeLogLikelihood(rows.map(({ label, logits }) => ({ label, probabilities: applyTemperature(logits, temperature) })));
    const best = fitTemperature(rows);
    for (const factor of [0.9, 0.999, 1.001, 1.1]) expect(loss(best)).toBeLessThan(loss(factor * best));
  });

  it('makes sharpened probabilities mean what they say, from the probabilities alone', () => {
    const sharp = calibrated.map(({ label, logits }) => ({ label, probabilities: softmax(logits.map((z) => 2.5 * z)) }));
    const rows = sharp.map(({ label, probabilities }) => ({ label, logits: logProbabilities(probabilities) }));
    const temperature = fitTemperature(rows);
    const error = (list: readonly { label: number; probabilities: number[] }[]) => {
      const tops = list.map(({ probabilities }) => Math.max(...probabilities));
      return expectedCalibrationError(
        tops,
        list.map(({ label, probabilities }, i) => probabilities[label] === tops[i]),
      );
    };
    const scaled = rows.map(({ label, logits }) => ({ label, probabilities: applyTemperature(logits, temperature) }));
    expect(error(sharp)).toBeGreaterThan(0.1);
    expect(error(scaled)).toBeLessThan(0.03);
  });

  it('stops at its limits where nothing ends it, and is 1 where it does not matter', () => {
    expect(fitTemperature([{ label: 0, logits: [2, 1] }])).toBe(1 / 100);
    expect(fitTemperature([{ label: 1, logits: [2, 1] }])).toBe(100);
    expect(fitTemperature([{ label: 1, logits: [2, 2] }])).toBe(1);
  });

  it('never changes which class is the most probable', () => {
    fc.assert(
      fc.property(
        fc.array(fc.double({ min: -20, max: 20, noNaN: true }), { minLength: 2 }),
        fc.double({ min: 0.01, max: 100, noNaN: true }),
        (logits, temperature) => {
          const p = applyTemperature(logits, temperature);
          expect(p[logits.indexOf(Math.max(...logits))]).toBe(Math.max(...p));
          expect(p.reduce((a, b) => a + b, 0)).toBeCloseTo(1, 12);
        },
      ),
    );
  });
});

describe('vector scaling', () => {
  it('undoes a weight and a bias of each class', () => {
    const [weights, biases] = [
      [0.5, 2, 1, 1.5],
      [1, -1, 0.5, 0],
    ];
    const rows = calibrated.map(({ label, logits }) => ({
      label,
      logits: logits.map((z, c) => (z - (biases[c] as number)) / (weights[c] as number)),
    }));
    const { weights: w, biases: b } = fitVectorScaling(rows, 1e-9);
    const own = fitVectorScaling(calibrated, 1e-9);
    for (let c = 0; c < 4; c++) {
      expect(w[c]).toBeCloseTo((own.weights[c] as number) * (weights[c] as number), 4);
      // Biases may all be moved by the same.
      const moved = (own.biases[c] as number) + (own.weights[c] as number) * (biases[c] as number) - (b[c] as number);
      const first = (own.biases[0] as number) + (own.weights[0] as number) * (biases[0] as number) - (b[0] as number);
      expect(moved).toBeCloseTo(first, 3);
    }
  });

  it('is at a minimum: no step to a side lowers the penalised loss', () => {
    const rows = calibrated.slice(0, 300);
    const ridge = 0.01;
    const { weights, biases } = fitVectorScaling(rows, ridge);
    const loss = (w: number[], b: number[]) =>
      negativeLogLikelihood(
        rows.map(({ label, logits }) => ({ label, probabilities: applyVectorScaling(logits, { weights: w, biases: b }) })),
      ) +
      (ridge / 2) * (w.reduce((sum, x) => sum + (x - 1) ** 2, 0) + b.reduce((sum, x) => sum + x * x, 0));
    const moved = (list: number[], c: number, by: number) => list.map((x, i) => (i === c ? x + by : x));
    for (let c = 0; c < 4; c++) {
      for (const by of [-1e-3, 1e-3]) {
        expect(loss(moved(weights, c, by), biases)).toBeGreaterThan(loss(weights, biases));
        expect(loss(weights, moved(biases, c, by))).toBeGreaterThan(loss(weights, biases));
      }
    }
  });

  it('stays finite for a class without a picture and for one picture', () => {
    const without = calibrated.filter(({ label }) => label !== 2);
    for (const rows of [without, without.slice(0, 1)]) {
      const { weights, biases } = fitVectorScaling(rows);
      expect([...weights, ...biases].every(Number.isFinite)).toBe(true);
      expect(biases[2]).toBeLessThan(0);
    }
  });
});

describe('scale of evidence', () => {
  it('undoes what evidence was multiplied by', () => {
    const random = createRandom({ seed: 2, epoch: 0, stream: 9, position: 0 });
    const rows = Array.from({ length: 6000 }, () => {
      const alpha = Array.from({ length: 4 }, () => 1 + 12 * random.next() ** 3);
      const total = alpha.reduce((a, b) => a + b, 0);
      const label = drawFrom(
        alpha.map((a) => a / total),
        random.next(),
      );
      return { votes: alpha.map((_, c) => (c === label ? 1 : 0)), alpha };
    });
    const own = fitEvidenceScale(rows);
    expect(Math.abs(Math.log(own))).toBeLessThan(0.25);
    const weak = rows.map(({ votes, alpha }) => ({ votes, alpha: applyEvidenceScale(alpha, 0.1) }));
    expect(fitEvidenceScale(weak) * 0.1).toBeCloseTo(own, 6);
  });

  it('is 1 without any evidence', () => {
    expect(fitEvidenceScale([{ votes: [1, 0, 0], alpha: [1, 1, 1] }])).toBe(1);
  });
});

describe('scale of strength', () => {
  it('finds how much people disagree', () => {
    // Votes from distributions that Dirichlets of strength 6 draw; the model says 60.
    const random = createRandom({ seed: 4, epoch: 0, stream: 9, position: 0 });
    const gamma = (count: number) =>
      Array.from({ length: count }, () => -Math.log(1 - random.next())).reduce((a, b) => a + b, 0);
    const rows = Array.from({ length: 3000 }, () => {
      const alpha = [1 + random.integer(3), 1 + random.integer(3), 1];
      const drawn = alpha.map(gamma);
      const total = drawn.reduce((a, b) => a + b, 0);
      const votes = [0, 0, 0];
      for (let vote = 0; vote < 10; vote++) {
        const k = drawFrom(
          drawn.map((x) => x / total),
          random.next(),
        );
        votes[k] = (votes[k] as number) + 1;
      }
      return { votes, alpha: alpha.map((a) => 10 * a) };
    });
    expect(fitStrengthScale(rows) * 10).toBeCloseTo(1, 1);
  });

  it('needs pictures with two votes', () => {
    expect(() => fitStrengthScale([{ votes: [1, 0], alpha: [1, 2] }])).toThrow(/two votes and more/);
  });
});

it.each([
  [() => fitTemperature([]), /no picture to fit/],
  [() => fitTemperature([{ label: 2, logits: [1, 2] }]), /label 2 and logits \[1, 2\]: expected 2 numbers/],
  [() => fitTemperature([{ label: 0, logits: [Number.NaN, 2] }]), /logits \[NaN, 2\]/],
  [
    () =>
      fitVectorScaling([
        { label: 0, logits: [1, 2] },
        { label: 0, logits: [1] },
      ]),
    /Picture 1 .*: expected 2 numbers/,
  ],
  [() => fitEvidenceScale([{ votes: [1, 0], alpha: [0.5, 2] }]), /parameters \[0.5, 2\]: expected one of at least 1/],
  [() => fitEvidenceScale([]), /no picture to fit/],
  [() => fitStrengthScale([{ votes: [2, 2, 2], alpha: [1, 2] }]), /Dirichlet parameters \[1, 2\]/],
])('wrong input is named: %s', (fit, message) => {
  expect(fit).toThrow(message);
});
