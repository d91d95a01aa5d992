/**
 * How far answers can be trusted: every score side by side, as a detector of errors and beside people's votes, with intervals. What stands
 * in `metrics.json` beside the metrics.
 */
import { areaUnderAvu } from './avu.js';
import { type BootstrapOptions, bootstrap, type Figures, type Interval } from './bootstrap.js';
import { type BrierDecomposition, brierDecomposition } from './calibration.js';
import { midranks, rankCorrelation } from './correlation.js';
import { auroc, averagePrecision, falsePositiveRate } from './detection.js';
import { countLevels, type Levels, type Ranks, ranksOf } from './levels.js';
import { METRICS, type MetricName, metricFigures, type ScoredPrediction, scoredSets } from './metrics.js';
import { type Answer, SCORES, type ScoreName, scoreColumns } from './scores.js';
import {
  areaUnderGeneralizedRiskCoverage,
  areaUnderRiskCoverage,
  coverageAtRisk,
  excessAreaUnderRiskCoverage,
  riskAtCoverage,
} from './selective.js';
import { countVotes, RAW_VOTES, VOTE_FIGURES, type VoteCounting, type VoteFigureName, votesEntropy } from './votes.js';

/** An answer, what is right, and what people said where the data set has votes. */
export interface JudgedAnswer extends Answer, ScoredPrediction {
  /** Raw counts: of the C classes, then of answers that are no class. */
  votes?: readonly number[] | undefined;
}

interface ScoreFigure {
  name: string;
  /** Short: the heading of a column. */
  title: string;
  better: 'higher' | 'lower';
  /** Of the levels of a score, the errors being the positives. */
  of(levels: Levels): number | null;
}

/** What is told of each score. Adding a figure is adding its row. */
const SCORE_FIGURES = [
  { name: 'errorAuroc', title: 'AUROC', better: 'higher', of: auroc },
  { name: 'errorAupr', title: 'AUPR', better: 'higher', of: averagePrecision },
  { name: 'errorFpr95', title: 'FPR95', better: 'lower', of: (levels: Levels) => falsePositiveRate(levels) },
  { name: 'aurc', title: 'AURC', better: 'lower', of: areaUnderRiskCoverage },
  { name: 'excessAurc', title: 'E-AURC', better: 'lower', of: excessAreaUnderRiskCoverage },
  { name: 'augrc', title: 'AUGRC', better: 'lower', of: areaUnderGeneralizedRiskCoverage },
  { name: 'coverageAt5Risk', title: 'cov@5%', better: 'higher', of: (levels: Levels) => coverageAtRisk(levels, 0.05) },
  { name: 'riskAt80Coverage', title: 'risk@80%', better: 'lower', of: (levels: Levels) => riskAtCoverage(levels, 0.8) },
  { name: 'avuArea', title: 'AvU', better: 'higher', of: areaUnderAvu },
] as const satisfies readonly ScoreFigure[];

/** Spearman's correlation of a score with the entropy of the votes; null without votes. */
const VOTES = { name: 'votesSpearman', title: 'ρ votes', better: 'higher' } as const;

/** The columns of the table of scores: name, short title and direction. */
export const SCORE_COLUMNS = [...SCORE_FIGURES, VOTES] as const;
export type ScoreFigureName = (typeof SCORE_COLUMNS)[number]['name'];

/** The figures of each score; null for a score that the answers don't have. */
type ScoreTable<Value> = Record<ScoreName, Record<ScoreFigureName, Value> | null>;

export interface Trust {
  brier: BrierDecomposition;
  scores: ScoreTable<number | null>;
  /** Null for a data set without votes. */
  votes: VoteTable<number | null> | null;
  /** Present where a bootstrap was asked for. */
  intervals?: TrustIntervals;
}

type VoteTable<Value> = Record<VoteFigureName, Value> & {
  /** Pictures with a vote that counts, and how votes were counted. */
  samples: number;
  counting: VoteCounting;
};

/** The interval of every figure at its own place; null where too few resamples define it. */
export interface TrustIntervals {
  resamples: number;
  seed: number;
  level: number;
  metrics: Record<MetricName, Interval | null>;
  scores: ScoreTable<Interval | null>;
  votes: Record<VoteFigureName, Interval | null> | null;
}

export interface TrustOptions {
  /** Raw votes for the classes when left out. */
  counting?: VoteCounting;
  /** No intervals when left out. */
  bootstrap?: Pick<BootstrapOptions, 'resamples' | 'seed' | 'onResample'>;
}

const LEVEL = 0.95;

/**
 * The table of trust of answers (at least one) over C `classes`.
 *
 * @throws UaferError `DATA` when an answer is broken, or votes don't match the classes
 */
export function computeTrust(answers: readonly JudgedAnswer[], classes: number, options: TrustOptions = {}): Trust {
  const { counting = RAW_VOTES } = options;
  const figures = trustFigures(answers, classes, counting);
  const found = figures();
  const voted = voteColumns(answers, classes, counting)?.voted.length;
  const trust: Trust = {
    brier: brierDecomposition(answers, classes),
    scores: scoreTable(found),
    votes: voted === undefined ? null : { samples: voted, counting, ...voteTable(found) },
  };
  if (!options.bootstrap) return trust;
  const intervals = bootstrap(figures, { ...options.bootstrap, samples: answers.length, level: LEVEL });
  return {
    ...trust,
    intervals: {
      resamples: options.bootstrap.resamples,
      seed: options.bootstrap.seed,
      level: LEVEL,
      metrics: named(METRICS, (name) => intervals[name] ?? null),
      scores: scoreTable(intervals),
      votes: trust.votes && voteTable(intervals),
    },
  };
}

/**
 * Every figure of trust by its path (`accuracy`, `scores.entropy.aurc`, `votes.divergence`) for the answers that are drawn, all of them when
 * nothing is said: what `bootstrap` takes, and with `differences` what compares two models on the same pictures.
 */
export function trustFigures(
  answers: readonly JudgedAnswer[],
  classes: number,
  counting: VoteCounting = RAW_VOTES,
): (drawn?: Int32Array) => Figures {
  const sets = scoredSets(answers, classes);
  const wrong = answers.map(({ label, predicted }) => label !== predicted);
  const scores = [...scoreColumns(answers)].map(([name, values]) => ({ name, ranks: ranksOf(values) }));
  const votes = voteColumns(answers, classes, counting);
  return (drawn) => {
    const figures: Figures = { ...metricFigures(sets(drawn)) };
    const voted = drawn && votes ? drawn.filter((i) => votes.has[i]) : votes?.voted;
    const disagreement = votes && voted && voted.length > 0 ? midranks(votes.entropy, voted) : null;
    for (const { name, ranks } of scores) {
      const levels = countLevels(ranks, wrong, drawn);
      for (const figure of SCORE_FIGURES) figures[scorePath(name, figure.name)] = figure.of(levels);
      figures[scorePath(name, VOTES.name)] = disagreement && rankCorrelation(midranks(ranks, voted), disagreement);
    }
    for (const { name, values } of votes?.figures ?? []) figures[votePath(name)] = meanOf(values, voted as Int32Array);
    return figures;
  };
}

/** What is known of the votes. The lists hold a value an answer; where no vote counts it means nothing. */
interface VoteColumns {
  /** Positions of the answers with a vote that counts, and of each answer whether it is one. */
  voted: Int32Array;
  has: boolean[];
  /** Entropy of the votes. */
  entropy: Ranks;
  figures: { name: VoteFigureName; values: Float64Array }[];
}

/** Null when no answer has a vote that counts. */
function voteColumns(answers: readonly JudgedAnswer[], classes: number, counting: VoteCounting): VoteColumns | null {
  const counts = answers.map(({ votes }) => votes && countVotes(votes, classes, { ...counting, others: 'drop' }));
  // Votes for other answers alone say nothing of the classes.
  const has = counts.map((each) => each?.some((count) => count > 0) ?? false);
  const voted = Int32Array.from(answers.keys()).filter((i) => has[i]);
  if (voted.length === 0) return null;
  const column = (of: (i: number) => number | null) => Float64Array.from(has, (is, i) => (is ? (of(i) as number) : 0));
  const evidential = answers[0]?.alpha !== undefined;
  const rows = VOTE_FIGURES.filter(({ needs }) => needs !== 'dirichlet' || evidential);
  return {
    voted,
    has,
    entropy: ranksOf(column((i) => votesEntropy(countVotes(answers[i]?.votes ?? [], classes, counting)))),
    figures: rows.map(({ name, of }) => ({ name, values: column((i) => of(answers[i] as Answer, counts[i] as number[])) })),
  };
}

const scorePath = (score: ScoreName, figure: ScoreFigureName) => `scores.${score}.${figure}`;
const votePath = (figure: VoteFigureName) => `votes.${figure}`;

/** Values by path as a table of scores. */
function scoreTable<Value>(values: Record<string, Value | null>): ScoreTable<Value | null> {
  return named(SCORES, (score) => {
    if (!(scorePath(score, VOTES.name) in values)) return null;
    return named(SCORE_COLUMNS, (figure) => values[scorePath(score, figure)] ?? null);
  });
}

function voteTable<Value>(values: Record<string, Value | null>): Record<VoteFigureName, Value | null> {
  return named(VOTE_FIGURES, (name) => values[votePath(name)] ?? null);
}

function named<Name extends string, Value>(rows: readonly { name: Name }[], of: (name: Name) => Value): Record<Name, Value> {
  return Object.fromEntries(rows.map(({ name }) => [name, of(name)])) as Record<Name, Value>;
}

/** Null for no position. */
function meanOf(values: Float64Array, positions: Int32Array): number | null {
  if (positions.length === 0) return null;
  return positions.reduce((total, i) => total + (values[i] as number), 0) / positions.length;
}
