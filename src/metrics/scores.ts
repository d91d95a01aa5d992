/**
 * Every uncertainty that an answer has. A score is one row of `SCORES`: the larger, the more uncertain. What needs a Dirichlet distribution
 * is null for a softmax answer, which has none.
 */
import { UaferError } from '../errors.js';
import { digamma } from './specialFunctions.js';

/** What a model says of one picture. */
export interface Answer {
  /** (C). */
  logits: readonly number[];
  /** (C); sum to 1. */
  probabilities: readonly number[];
  /**
   * (C) parameters of the Dirichlet distribution over what people say; left out where the answer is none. Its mean is `probabilities`, but
   * where those were calibrated: then they are of the right class, and the mean is of the votes.
   */
  alpha?: readonly number[] | undefined;
}

interface ScoreRow {
  /** In `metrics.json` and in programs. */
  name: string;
  /** As a person reads it. */
  title: string;
  formula: string;
  needs: 'probabilities' | 'logits' | 'dirichlet';
  of(answer: Answer): number | null;
}

/** Exponent of GEN, as its authors chose it. */
const GEN_GAMMA = 0.1;

/** The scores, in the order in which they are shown. Adding one is adding its row. */
export const SCORES = [
  {
    /** Softmax response (Hendrycks and Gimpel 2017): the baseline. */
    name: 'topProbability',
    title: 'top probability',
    formula: '1 - max p',
    needs: 'probabilities',
    of: ({ probabilities }: Answer) => 1 - Math.max(...probabilities),
  },
  {
    name: 'margin',
    title: 'margin',
    formula: '1 - (p1 - p2), the two largest',
    needs: 'probabilities',
    of: ({ probabilities }: Answer) => margin(probabilities),
  },
  {
    name: 'entropy',
    title: 'entropy',
    formula: '-sum p ln p / ln C',
    needs: 'probabilities',
    of: ({ probabilities }: Answer) => entropy(probabilities),
  },
  {
    /** Generalised entropy (Liu et al. 2023) over all classes. */
    name: 'gen',
    title: 'GEN',
    formula: 'sum (p (1 - p))^0.1',
    needs: 'probabilities',
    of: ({ probabilities }: Answer) => sum(probabilities.map((p) => (p * Math.max(0, 1 - p)) ** GEN_GAMMA)),
  },
  {
    /** Liu et al. (2020), at temperature 1. */
    name: 'energy',
    title: 'energy',
    formula: '-ln sum exp(logits)',
    needs: 'logits',
    of: ({ logits }: Answer) => energy(logits),
  },
  {
    /** Sensoy et al. (2018); in (0, 1] where every parameter is at least 1. */
    name: 'vacuity',
    title: 'vacuity',
    formula: 'C / S',
    needs: 'dirichlet',
    of: ({ alpha }: Answer) => (alpha ? alpha.length / sum(alpha) : null),
  },
  {
    /** Would people disagree? The part of the entropy that more evidence of the same kind leaves (Malinin and Gales 2018). */
    name: 'expectedEntropy',
    title: 'ambiguity (expected entropy)',
    formula: 'E[-sum q ln q] / ln C, q ~ Dirichlet(a)',
    needs: 'dirichlet',
    of: ({ alpha }: Answer) => (alpha ? dirichletEntropy(alpha) : null),
  },
  {
    /** Does the model not know? The part of the entropy that evidence would take away. */
    name: 'mutualInformation',
    title: 'ignorance (mutual information)',
    formula: 'entropy of the mean a / S - expected entropy',
    needs: 'dirichlet',
    of: ({ alpha }: Answer) => (alpha ? mutualInformation(alpha) : null),
  },
] as const satisfies readonly ScoreRow[];

export type ScoreName = (typeof SCORES)[number]['name'];

/**
 * The value of each score for each answer, by its name; a score that the answers don't have is left out.
 *
 * @throws UaferError `DATA` when logits, probabilities or parameters are not finite numbers, or some answers are Dirichlets and some are not
 */
export function scoreColumns(answers: readonly Answer[]): Map<ScoreName, Float64Array> {
  checkAnswers(answers);
  const evidential = answers.every(({ alpha }) => alpha !== undefined);
  const rows = SCORES.filter(({ needs }) => needs !== 'dirichlet' || evidential);
  return new Map(rows.map(({ name, of }) => [name, Float64Array.from(answers, (answer) => of(answer) as number)]));
}

function checkAnswers(answers: readonly Answer[]): void {
  const evidential = answers[0]?.alpha !== undefined;
  for (const [i, { logits, probabilities, alpha }] of answers.entries()) {
    if (![...logits, ...probabilities].every(Number.isFinite)) {
      throw new UaferError(
        'DATA',
        `Answer ${i} (from 0) has logits [${logits.join(', ')}], of probabilities [${probabilities.join(', ')}]: expected numbers.`,
      );
    }
    if ((alpha !== undefined) !== evidential) {
      throw new UaferError('DATA', 'Some answers are Dirichlet distributions and some are not: expected those of one model.');
    }
    if (alpha && !alpha.every((a) => a > 0 && a < Number.POSITIVE_INFINITY)) {
      throw new UaferError(
        'DATA',
        `Answer ${i} (from 0) has the Dirichlet parameters [${alpha.join(', ')}]: expected numbers above 0.`,
      );
    }
  }
}

/** Entropy of a distribution over C answers, divided by ln C: 0 certain, 1 uniform; 0 where there is one answer only. */
export function entropy(probabilities: readonly number[]): number {
  return sum(probabilities.map((p) => (p > 0 ? -p * Math.log(p) : 0))) / logCount(probabilities);
}

/** ln C; of one class anything above 0 will do, for there is nothing to divide. */
function logCount(probabilities: readonly number[]): number {
  return Math.log(Math.max(2, probabilities.length));
}

function margin(probabilities: readonly number[]): number {
  const [first = 0, second = 0] = probabilities.toSorted((a, b) => b - a);
  return 1 - (first - second);
}

/** The largest logit goes first, so that no power is too large. */
function energy(logits: readonly number[]): number {
  const largest = Math.max(...logits);
  return -(largest + Math.log(sum(logits.map((logit) => Math.exp(logit - largest)))));
}

/**
 * Mean entropy of the distributions that a Dirichlet with parameters `alpha` (C) draws, divided by ln C:
 * sum_k (a_k / S) (psi(S + 1) - psi(a_k + 1)) / ln C, in [0, 1].
 */
export function dirichletEntropy(alpha: readonly number[]): number {
  const strength = sum(alpha);
  const whole = digamma(strength + 1);
  return sum(alpha.map((a) => (a / strength) * (whole - digamma(a + 1)))) / logCount(alpha);
}

/** The mean of a Dirichlet distribution with parameters `alpha`, a / S. */
export function dirichletMean(alpha: readonly number[]): number[] {
  const strength = sum(alpha);
  return alpha.map((a) => a / strength);
}

/** In [0, 1]; rounding alone could take it below 0, where a Dirichlet is very strong. */
function mutualInformation(alpha: readonly number[]): number {
  return Math.max(0, entropy(dirichletMean(alpha)) - dirichletEntropy(alpha));
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
