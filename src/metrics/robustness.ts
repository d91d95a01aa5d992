/** What is told of answers to pictures that are not as they should be, beside those to the same model's ordinary pictures. */
import { metricFigures, scoredSets } from './metrics.js';
import { detectOutliers, type OutlierDetection } from './outliers.js';
import { type Answer, SCORES, type ScoreName, scoreColumns } from './scores.js';
import { computeTrust, type JudgedAnswer, type Trust } from './trust.js';
import { RAW_VOTES, type VoteCounting } from './votes.js';

type ByScore<Value> = Record<ScoreName, Value | null>;

/** Figures of answers to the test pictures, all spoilt in one way. */
export interface CorruptedFigures {
  samples: number;
  metrics: ReturnType<typeof metricFigures>;
  /** Of each score what `trust.ts` tells: how it finds errors. Null for a score that the answers don't have, here and below. */
  scores: Trust['scores'];
  /** How each score tells the spoilt pictures from the same ones as they are. */
  outliers: ByScore<OutlierDetection>;
  /** Mean of each score over the pictures. */
  means: ByScore<number>;
}

/** Figures of answers to pictures of which nobody says what is right. */
export interface OutlierFigures {
  /** Pictures unlike those that the model learned from, and the test pictures that they are told from. */
  samples: number;
  ordinary: number;
  outliers: ByScore<OutlierDetection>;
  means: ByScore<number>;
}

/**
 * @param ordinary answers to the pictures as they are
 * @throws UaferError `DATA` when an answer is broken, or there is none of one of the two
 */
export function corruptedFigures(
  ordinary: readonly Answer[],
  spoilt: readonly JudgedAnswer[],
  classes: number,
  counting: VoteCounting = RAW_VOTES,
): CorruptedFigures {
  return {
    samples: spoilt.length,
    metrics: metricFigures(scoredSets(spoilt, classes)()),
    scores: computeTrust(spoilt, classes, { counting }).scores,
    outliers: detectOutliers(ordinary, spoilt),
    means: scoreMeans(spoilt),
  };
}

/** As `corruptedFigures`, of pictures that show none of the classes or nobody knows which. */
export function outlierFigures(ordinary: readonly Answer[], outliers: readonly Answer[]): OutlierFigures {
  return {
    samples: outliers.length,
    ordinary: ordinary.length,
    outliers: detectOutliers(ordinary, outliers),
    means: scoreMeans(outliers),
  };
}

function scoreMeans(answers: readonly Answer[]): ByScore<number> {
  const columns = scoreColumns(answers);
  const means = SCORES.map(({ name }) => [name, meanOf(columns.get(name))] as const);
  return Object.fromEntries(means) as ByScore<number>;
}

function meanOf(values: Float64Array | undefined): number | null {
  return values ? values.reduce((sum, value) => sum + value, 0) / values.length : null;
}
