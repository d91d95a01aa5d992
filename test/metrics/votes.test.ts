import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { logGamma } from '#uafer/metrics/specialFunctions.js';
import {
  countVotes,
  dirichletMultinomialLogLikelihood,
  RAW_VOTES,
  VOTE_FIGURES,
  type VoteFigureName,
  voteShares,
  votesEntropy,
} from '#uafer/metrics/votes.js';

const figure = (name: VoteFigureName, counts: readonly number[], probabilities: number[], strength?: number) =>
  VOTE_FIGURES.find((row) => row.name === name)?.of(
    { logits: [], probabilities, alpha: strength && probabilities.map((p) => strength * p) },
    counts,
  ) as number;

describe('how votes are counted', () => {
  /** Three classes, "unknown" and "no face". */
  const votes = [6, 1, 0, 2, 1];

  it('is as they are, for the classes alone, unless something else is said', () => {
    expect(countVotes(votes, 3, RAW_VOTES)).toEqual([6, 1, 0]);
    expect(countVotes(votes, 3, { singles: 'drop', others: 'drop' })).toEqual([6, 0, 0]);
    expect(countVotes(votes, 3, { singles: 'keep', others: 'keep' })).toEqual(votes);
    expect(countVotes(votes, 3, { singles: 'drop', others: 'keep' })).toEqual([6, 0, 0, 2, 0]);
  });

  it.each([[[1, 2]], [[1, 2, -1]], [[1, 2, 0.5]], [[1, 2, Number.NaN]]])('refuses %j for three classes', (wrong) => {
    expect(() => countVotes(wrong, 3, RAW_VOTES)).toThrow(/do not match: expected a whole number for each of the 3 classes/);
  });

  it('as many for other answers are as much disagreement, to the last bit, so that they are ties', () => {
    const votes = fc.array(fc.nat(10), { minLength: 3, maxLength: 8 });
    fc.assert(
      fc.property(votes, (counts) => {
        expect(votesEntropy(counts.toReversed())).toBe(votesEntropy(counts));
        expect(votesEntropy([...counts.slice(1), ...counts.slice(0, 1)])).toBe(votesEntropy(counts));
        expect(votesEntropy(counts.map((count) => 2 * count))).toBe(votesEntropy(counts));
      }),
    );
  });

  it('where none counts, there is no distribution', () => {
    expect(voteShares([0, 0])).toBeNull();
    expect(votesEntropy([0, 0])).toBeNull();
    expect(votesEntropy([5, 0])).toBe(0);
    expect(votesEntropy([5, 5])).toBeCloseTo(1, 12);
  });
});

describe('beside the votes', () => {
  it('KL, total variation and likelihood are those worked out by hand', () => {
    const [counts, p] = [
      [3, 1],
      [0.5, 0.5],
    ];
    expect(figure('divergence', counts, p)).toBeCloseTo(0.75 * Math.log(1.5) + 0.25 * Math.log(0.5), 12);
    expect(figure('totalVariation', counts, p)).toBeCloseTo(0.25, 12);
    expect(figure('logLikelihood', counts, p)).toBeCloseTo(-4 * Math.LN2, 12);
    // a = (1, 1): 3! 1! / (2 3 4 5).
    expect(figure('dirichletLogLikelihood', counts, p, 2)).toBeCloseTo(Math.log(6 / 120), 12);
  });

  it('a softmax answer has no Dirichlet likelihood', () => {
    expect(figure('dirichletLogLikelihood', [1, 1], [0.5, 0.5])).toBeNull();
  });

  it('a probability of 0 for what people voted is a large number, not an infinite one', () => {
    expect(figure('divergence', [1, 0], [0, 1])).toBeCloseTo(149 * Math.LN2, 9);
    expect(figure('logLikelihood', [2, 0], [0, 1])).toBeCloseTo(-298 * Math.LN2, 9);
    expect(figure('dirichletLogLikelihood', [1, 0], [0, 1], 4)).toBeLessThan(-100);
  });

  const counts = fc.array(fc.nat(10), { minLength: 3, maxLength: 3 }).filter((list) => list.some((count) => count > 0));
  const alpha = fc.array(fc.double({ min: 0.05, max: 50, noNaN: true }), { minLength: 3, maxLength: 3 });

  it('KL and total variation are 0 for the votes themselves, and not below 0', () => {
    fc.assert(
      fc.property(counts, alpha, (list, weights) => {
        const total = weights.reduce((a, b) => a + b, 0);
        const p = weights.map((weight) => weight / total);
        expect(figure('divergence', list, voteShares(list) as number[])).toBeCloseTo(0, 12);
        expect(figure('totalVariation', list, voteShares(list) as number[])).toBeCloseTo(0, 12);
        expect(figure('divergence', list, p)).toBeGreaterThanOrEqual(-1e-12);
        expect(figure('totalVariation', list, p)).toBeLessThanOrEqual(1);
        // Pinsker: KL >= 2 TV^2.
        expect(figure('divergence', list, p)).toBeGreaterThanOrEqual(2 * figure('totalVariation', list, p) ** 2 - 1e-12);
      }),
    );
  });

  it('the Dirichlet-multinomial likelihood is that of the gamma functions, and near the multinomial for a strong Dirichlet', () => {
    fc.assert(
      fc.property(counts, alpha, (list, a) => {
        const strength = a.reduce((x, y) => x + y, 0);
        const votes = list.reduce((x, y) => x + y, 0);
        const expected =
          list.reduce((sum, n, k) => sum + logGamma((a[k] as number) + n) - logGamma(a[k] as number), 0) -
          (logGamma(strength + votes) - logGamma(strength));
        expect(dirichletMultinomialLogLikelihood(list, a)).toBeCloseTo(expected, 9);
        const p = a.map((each) => each / strength);
        const strong = figure('dirichletLogLikelihood', list, p, 1e9);
        expect(strong).toBeCloseTo(figure('logLikelihood', list, p), 3);
      }),
    );
  });

  it('the Dirichlet-multinomial likelihoods of all ways to vote sum to 1', () => {
    // Three votes one after another for two classes: 1, 3, 3, 1 orders.
    const a = [0.7, 2.2];
    const ways = [0, 1, 2, 3].map((n) => Math.exp(dirichletMultinomialLogLikelihood([n, 3 - n], a)));
    expect((ways[0] as number) + 3 * (ways[1] as number) + 3 * (ways[2] as number) + (ways[3] as number)).toBeCloseTo(1, 12);
  });
});
