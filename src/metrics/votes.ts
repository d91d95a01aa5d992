/** What a model says beside what people voted. */
import { UaferError } from '../errors.js';
import { logProbability, SMALLEST_PROBABILITY } from './calibration.js';
import { type Answer, dirichletMean, entropy } from './scores.js';
import { logRising } from './specialFunctions.js';

/** Which votes count. */
export interface VoteCounting {
  /** Whether an answer that one annotator alone gave counts. FER+'s own rule drops it as noise. */
  singles: 'keep' | 'drop';
  /** Whether answers that are no class (FER+'s "unknown" and "no face") count as further answers in the entropy of the votes. */
  others: 'keep' | 'drop';
}

/** The raw votes for the classes. */
export const RAW_VOTES: VoteCounting = { singles: 'keep', others: 'drop' };

/**
 * The votes that count. The distances and likelihoods below take those for the C classes alone, for a model says nothing of other
 * answers.
 *
 * @param votes raw counts: of the C classes, then of answers that are no class
 * @returns (C) or, with the others kept, as long as `votes`
 * @throws UaferError `DATA` when there are fewer counts than classes, or one is no whole number of at least 0
 */
export function countVotes(votes: readonly number[], classes: number, { singles, others }: VoteCounting): number[] {
  if (votes.length < classes || !votes.every((count) => Number.isInteger(count) && count >= 0)) {
    throw new UaferError(
      'DATA',
      `Votes [${votes.join(', ')}] do not match: expected a whole number for each of the ${classes} classes.`,
    );
  }
  const kept = singles === 'keep' ? votes : votes.map((count) => (count > 1 ? count : 0));
  return kept.slice(0, others === 'keep' ? votes.length : classes);
}

/** Share of each answer; null where no vote counts. */
export function voteShares(counts: readonly number[]): number[] | null {
  const total = sum(counts);
  return total === 0 ? null : counts.map((count) => count / total);
}

/**
 * Entropy of the votes' distribution over K answers, divided by ln K, in [0, 1]: 0 where all agree; null where no vote counts. The same to
 * the last bit whichever answers they were, for equal entropies are to be ties.
 */
export function votesEntropy(counts: readonly number[]): number | null {
  const shares = voteShares(counts.toSorted((a, b) => a - b));
  return shares && entropy(shares);
}

interface VoteFigure {
  name: string;
  title: string;
  better: 'higher' | 'lower';
  needs: 'probabilities' | 'dirichlet';
  /** Of one picture with a vote that counts; null where the answer is no Dirichlet. */
  of(answer: Answer, counts: readonly number[]): number | null;
}

/** The figures against votes, each the mean over the pictures that have one. Adding one is adding its row. */
export const VOTE_FIGURES = [
  {
    name: 'divergence',
    needs: 'probabilities',
    title: 'KL divergence from the votes',
    better: 'lower',
    of: (answer: Answer, counts: readonly number[]) => divergence(counts, expected(answer)),
  },
  {
    name: 'totalVariation',
    needs: 'probabilities',
    title: 'total variation from the votes',
    better: 'lower',
    of: (answer: Answer, counts: readonly number[]) => totalVariation(counts, expected(answer)),
  },
  {
    name: 'logLikelihood',
    needs: 'probabilities',
    title: 'log-likelihood of the votes, multinomial',
    better: 'higher',
    of: (answer: Answer, counts: readonly number[]) => multinomialLogLikelihood(counts, expected(answer)),
  },
  {
    name: 'dirichletLogLikelihood',
    needs: 'dirichlet',
    title: 'log-likelihood of the votes, Dirichlet-multinomial',
    better: 'higher',
    of: ({ alpha }: Answer, counts: readonly number[]) => (alpha ? dirichletMultinomialLogLikelihood(counts, alpha) : null),
  },
] as const satisfies readonly VoteFigure[];

export type VoteFigureName = (typeof VOTE_FIGURES)[number]['name'];

/** (C) what an answer says that people say. */
function expected({ alpha, probabilities }: Answer): readonly number[] {
  return alpha ? dirichletMean(alpha) : probabilities;
}

/** KL(votes || p) = sum_k q_k ln(q_k / p_k), in nats, at least 0. A probability of 0 counts as 2^-149. */
function divergence(counts: readonly number[], probabilities: readonly number[]): number {
  const shares = voteShares(counts) as number[];
  return sum(
    shares.map((share, k) => (share > 0 ? share * (Math.log(share) - logProbability(probabilities[k] as number)) : 0)),
  );
}

/** sum_k |q_k - p_k| / 2, in [0, 1]. */
function totalVariation(counts: readonly number[], probabilities: readonly number[]): number {
  const shares = voteShares(counts) as number[];
  return sum(shares.map((share, k) => Math.abs(share - (probabilities[k] as number)))) / 2;
}

/** sum_k n_k ln p_k: of the votes one after another, as if each were drawn from p. */
function multinomialLogLikelihood(counts: readonly number[], probabilities: readonly number[]): number {
  return sum(counts.map((count, k) => (count > 0 ? count * logProbability(probabilities[k] as number) : 0)));
}

/**
 * sum_k [lnG(a_k + n_k) - lnG(a_k)] - [lnG(S + n) - lnG(S)], S = sum_k a_k, n = sum_k n_k: of the votes one after another, drawn from a
 * distribution that the Dirichlet draws once for the picture. Both likelihoods leave out the number of orders, n! / prod n_k!, which no
 * model changes. Parameters below the smallest probability count as that.
 */
export function dirichletMultinomialLogLikelihood(counts: readonly number[], alpha: readonly number[]): number {
  const evidence = sum(counts.map((count, k) => logRising(Math.max(alpha[k] as number, SMALLEST_PROBABILITY), count)));
  return evidence - logRising(sum(alpha), sum(counts));
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
