/**
 * Every uncertainty that an answer has. A score is one row of `SCORES`: the larger, the more uncertain. What needs a Dirichlet distribution
 * is null for a softmax answer, which has none; what needs a density, for a model that doesn't know its training pictures.
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
  /** Left out where the model doesn't know its training pictures. */
  density?: (DensityScores & { ignorance: number }) | undefined;
}

/** How unlike the pictures of training a picture is: each larger for one that is more so. */
export interface DensityScores {
  /** Mean over early layers of the standardised logarithm of the squared Mahalanobis distance. */
  layers: number;
  relativeMahalanobis: number;
  /** fDBD, negative. */
  boundaries: number;
  /** Distance to the k-th nearest. */
  neighbours: number;
  /** ViM. */
  virtualLogit: number;
}

interface ScoreRow {
  /** In `metrics.json` and in programs. */
  name: string;
  /** As a person reads it. */
  title: string;
  formula: string;
  needs: 'probabilities' | 'logits' | 'dirichlet' | 'density';
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
  {
    /** Is the picture like those that the model learned from? What its uncertainty is, where a density is known. */
    name: 'ignorance',
    title: 'ignorance (discounted evidence)',
    formula: 'W / (W + evidence / (1 + exp(2 m))), m the early layers',
    needs: 'density',
    of: ({ density }: Answer) => density?.ignorance ?? null,
  },
  {
    /** Lee et al. (2018), of early layers, where a spoilt picture is seen best. */
    name: 'earlyLayers',
    title: 'early layers',
    formula: 'mean over layers of the standardised ln of the squared Mahalanobis distance',
    needs: 'density',
    of: ({ density }: Answer) => density?.layers ?? null,
  },
  {
    /** Ren et al. (2021), with a covariance that the classes share. */
    name: 'relativeMahalanobis',
    title: 'relative Mahalanobis',
    formula: 'min over classes of the squared Mahalanobis distance, less that to all pictures',
    needs: 'density',
    of: ({ density }: Answer) => density?.relativeMahalanobis ?? null,
  },
  {
    /** Liu and Qin (2024). */
    name: 'boundaries',
    title: 'fDBD',
    formula: '-mean distance to the boundaries of classes / distance to the mean feature',
    needs: 'density',
    of: ({ density }: Answer) => density?.boundaries ?? null,
  },
  {
    /** Sun et al. (2022). */
    name: 'neighbours',
    title: 'k nearest',
    formula: 'distance to the k-th nearest of a bank of features',
    needs: 'density',
    of: ({ density }: Answer) => density?.neighbours ?? null,
  },
  {
    /** Wang et al. (2022). */
    name: 'virtualLogit',
    title: 'ViM',
    formula: 'length outside of the principal space, scaled, - ln sum exp(logits)',
    needs: 'density',
    of: ({ density }: Answer) => density?.virtualLogit ?? null,
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
  const rows = scoresOf(answers);
  return new Map(rows.map(({ name, of }) => [name, Float64Array.from(answers, (answer) => of(answer) as number)]));
}

/** The scores that answers have. */
export function scoresOf(answers: readonly Answer[]): (typeof SCORES)[number][] {
  const dirichlet = answers.every(({ alpha }) => alpha !== undefined);
  const density = answers.every((answer) => answer.density !== undefined);
  return SCORES.filter(({ needs }) => (needs === 'dirichlet' ? dirichlet : needs !== 'density' || density));
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
