/** Made-up forecasts for the tests of the metrics. */
import fc from 'fast-check';
import type { Answer } from '#uafer/metrics/scores.js';
import { createRandom } from '#uafer/random.js';

interface DrawOptions {
  samples: number;
  classes: number;
  seed: number;
}

interface Drawn {
  label: number;
  logits: number[];
  probabilities: number[];
}

/** Answers that mean what they say: the label is drawn from the probabilities, which are softmaxes of uniform logits. */
export function calibratedForecasts({ samples, classes, seed }: DrawOptions): Drawn[] {
  const random = createRandom({ seed, epoch: 0, stream: 9, position: 0 });
  return Array.from({ length: samples }, () => {
    const logits = Array.from({ length: classes }, () => random.uniform(-3, 3));
    const probabilities = softmaxOf(logits);
    return { label: drawFrom(probabilities, random.next()), logits, probabilities };
  });
}

/** Scores of an answer's distance from pictures of training, all made of one. */
export function densityOf(distance: number): NonNullable<Answer['density']> {
  return {
    layers: distance,
    relativeMahalanobis: 2 * distance,
    boundaries: distance - 1,
    neighbours: Math.exp(distance),
    virtualLogit: 3 * distance,
    ignorance: 1 / (1 + Math.exp(-2 * distance)),
  };
}

/** The class at which the cumulative probability passes `u`. */
export function drawFrom(probabilities: readonly number[], u: number): number {
  let below = 0;
  const found = probabilities.findIndex((p) => {
    below += p;
    return u < below;
  });
  return found < 0 ? probabilities.length - 1 : found;
}

export function softmaxOf(logits: readonly number[]): number[] {
  const powers = logits.map(Math.exp);
  const total = powers.reduce((sum, power) => sum + power, 0);
  return powers.map((power) => power / total);
}

/** Any label beside any probabilities over C classes, zeros and equals among them. */
export function forecastsArbitrary(classes: number): fc.Arbitrary<{ label: number; probabilities: number[] }[]> {
  const weights = fc
    .array(fc.integer({ min: 0, max: 5 }), { minLength: classes, maxLength: classes })
    .filter((list) => list.some((weight) => weight > 0));
  const probabilities = weights.map((list) => {
    const total = list.reduce((sum, weight) => sum + weight, 0);
    return list.map((weight) => weight / total);
  });
  return fc.array(fc.record({ label: fc.nat(classes - 1), probabilities }), { minLength: 1, maxLength: 40 });
}
