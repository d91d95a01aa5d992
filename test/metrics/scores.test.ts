import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Answer, entropy, SCORES, type ScoreName, scoreColumns } from '#uafer/metrics/scores.js';
import { createRandom } from '#uafer/random.js';
import { densityOf, softmaxOf } from '../support/forecasts.js';

const score = (name: ScoreName, answer: Answer) => SCORES.find((row) => row.name === name)?.of(answer) as number;
const answer = (probabilities: number[], strength?: number): Answer => ({
  probabilities,
  logits: probabilities.map((p) => Math.log(p)),
  ...(strength === undefined ? {} : { alpha: probabilities.map((p) => strength * p) }),
});

const UNIFORM = { ...answer([0.25, 0.25, 0.25, 0.25], 4), density: densityOf(0) };
const PROBABILITIES = fc
  .array(fc.double({ min: 0.001, max: 1, noNaN: true }), { minLength: 2, maxLength: 9 })
  .map((weights) => weights.map((weight) => weight / weights.reduce((sum, each) => sum + each, 0)));
const STRENGTH = fc.double({ min: -1, max: 6, noNaN: true }).map((exponent) => 10 ** exponent);

describe('a score', () => {
  it('of two probabilities is that worked out by hand', () => {
    const sure = { probabilities: [0.75, 0.25], logits: [Math.log(3), 0], alpha: [6, 2] };
    expect(score('topProbability', sure)).toBe(0.25);
    expect(score('margin', sure)).toBe(0.5);
    expect(score('entropy', sure)).toBeCloseTo(-(0.75 * Math.log2(0.75) + 0.25 * Math.log2(0.25)), 12);
    expect(score('gen', sure)).toBeCloseTo(2 * (3 / 16) ** 0.1, 12);
    expect(score('energy', sure)).toBeCloseTo(-Math.log(4), 12);
    expect(score('vacuity', sure)).toBe(0.25);
  });

  it('of the flat Dirichlet over two classes has the mean entropy of a uniform coin, 1/2 nat', () => {
    const flat = answer([0.5, 0.5], 2);
    expect(score('expectedEntropy', flat)).toBeCloseTo(0.5 / Math.LN2, 12);
    expect(score('mutualInformation', flat)).toBeCloseTo(1 - 0.5 / Math.LN2, 12);
  });

  it('of the flat Dirichlet over C classes has the mean entropy H_C - 1 nats', () => {
    expect(score('expectedEntropy', UNIFORM)).toBeCloseTo((1 / 2 + 1 / 3 + 1 / 4) / Math.log(4), 12);
    expect(score('vacuity', UNIFORM)).toBe(1);
    expect(score('entropy', UNIFORM)).toBeCloseTo(1, 12);
  });

  it('of logits far from 0 stays a number', () => {
    expect(score('energy', { probabilities: [1, 0], logits: [5000, -5000] })).toBe(-5000);
    expect(score('energy', { probabilities: [0.5, 0.5], logits: [-5000, -5000] })).toBeCloseTo(5000 - Math.LN2, 9);
  });

  it('of an answer that is sure is 0, of one class too', () => {
    for (const certain of [answer([1, 0, 0]), answer([1])]) {
      expect(score('topProbability', certain)).toBe(0);
      expect(score('entropy', certain)).toBe(0);
      expect(score('margin', answer([1, 0, 0]))).toBe(0);
      expect(score('gen', certain)).toBe(0);
    }
  });
});

it('ambiguity and ignorance are parts of the entropy, ambiguity in [0, 1]', () => {
  fc.assert(
    fc.property(PROBABILITIES, STRENGTH, (probabilities, strength) => {
      const dirichlet = answer(probabilities, strength);
      const ambiguity = score('expectedEntropy', dirichlet);
      expect(ambiguity + score('mutualInformation', dirichlet)).toBeCloseTo(score('entropy', dirichlet), 9);
      expect(ambiguity).toBeGreaterThanOrEqual(-1e-12);
      expect(ambiguity).toBeLessThanOrEqual(1 + 1e-12);
      expect(score('mutualInformation', dirichlet)).toBeGreaterThanOrEqual(0);
    }),
  );
});

it('more evidence of the same kind takes vacuity and ignorance away and leaves the entropy', () => {
  fc.assert(
    fc.property(PROBABILITIES, STRENGTH, fc.double({ min: 1.5, max: 10, noNaN: true }), (probabilities, strength, factor) => {
      const [less, more] = [answer(probabilities, strength), answer(probabilities, factor * strength)];
      expect((score('vacuity', more) * factor) / score('vacuity', less)).toBeCloseTo(1, 12);
      expect(score('mutualInformation', more)).toBeLessThanOrEqual(score('mutualInformation', less) + 1e-12);
      expect(score('expectedEntropy', more)).toBeGreaterThanOrEqual(score('expectedEntropy', less) - 1e-12);
      expect(score('entropy', more)).toBe(score('entropy', less));
    }),
  );
});

it('ambiguity is the mean entropy of distributions that the Dirichlet draws', () => {
  // A Dirichlet of whole parameters: each a sum of as many exponential draws, over their total.
  const alpha = [3, 1, 2];
  const random = createRandom({ seed: 5, epoch: 0, stream: 9, position: 0 });
  const gamma = (count: number) => Array.from({ length: count }, () => -Math.log(1 - random.next())).reduce((a, b) => a + b, 0);
  const draws = 40_000;
  let total = 0;
  for (let i = 0; i < draws; i++) {
    const weights = alpha.map(gamma);
    const whole = weights.reduce((a, b) => a + b, 0);
    total += entropy(weights.map((weight) => weight / whole));
  }
  // The deviation of an entropy is .17, of the mean .001.
  const mean = answer(
    alpha.map((a) => a / 6),
    6,
  );
  expect(Math.abs(total / draws - score('expectedEntropy', mean))).toBeLessThan(0.005);
});

it('every score says more of a uniform answer than of a sure one of as much evidence', () => {
  const sure = {
    logits: [9, 0, 0, 0],
    probabilities: softmaxOf([9, 0, 0, 0]),
    alpha: softmaxOf([9, 0, 0, 0]).map((p) => 40 * p),
    density: densityOf(-1),
  };
  const unsure = {
    logits: [1, 1, 1, 1],
    probabilities: softmaxOf([1, 1, 1, 1]),
    alpha: [1, 1, 1, 1],
    density: densityOf(1),
  };
  for (const { name } of SCORES) expect(score(name, unsure), name).toBeGreaterThan(score(name, sure));
});

describe('the columns of answers', () => {
  it('leave out what needs a Dirichlet where the answers are none', () => {
    const softmax = scoreColumns([answer([0.5, 0.5])]);
    expect([...softmax.keys()]).toEqual(['topProbability', 'margin', 'entropy', 'gen', 'energy']);
    expect([...scoreColumns([UNIFORM]).keys()]).toEqual(SCORES.map(({ name }) => name));
  });

  it.each([
    ['a logit', { ...UNIFORM, logits: [1, Number.NaN, 1, 1] }, /Answer 1 .* logits \[1, NaN/],
    ['a probability', { ...UNIFORM, probabilities: [Number.NaN, 1, 0, 0] }, /Answer 1 .* of probabilities \[NaN/],
    ['a Dirichlet', { ...UNIFORM, alpha: [0, 1, 1, 1] }, /Answer 1 .* parameters \[0, 1/],
    ['another kind', { ...UNIFORM, alpha: undefined }, /those of one model/],
  ])('name %s that is broken', (_, broken, message) => {
    expect(() => scoreColumns([UNIFORM, broken])).toThrow(message);
  });
});
