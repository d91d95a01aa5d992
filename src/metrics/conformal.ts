/**
 * Conformal prediction sets: classes among which the right one is with at least a stated probability, whatever the model, as long as the
 * pictures are of the kind that the threshold was fitted on (Vovk, Gammerman and Shafer 2005).
 */
import { UaferError } from '../errors.js';
import { createRandom, STREAMS } from '../random.js';
import type { Forecast } from './calibration.js';

/**
 * What a class y of a picture scores; small is likely. p_1 >= p_2 >= ... are the probabilities in order, r is the place of y among them.
 * - `thr`: 1 - p_y (Sadinle, Lei and Wasserman 2019): the smallest sets on average.
 * - `aps`: p_1 + ... + p_r - u p_y (Romano, Sesia and Candes 2020): sets that are large where the picture is hard.
 * - `raps`: the same and lambda max(0, r - kReg) (Angelopoulos et al. 2021): no long tails.
 *
 * u is uniform in [0, 1) for each picture where sets are randomised, and their coverage is then exact; else it is 1: the mass of the classes
 * that are more probable. Sets that are not randomised are never empty with `aps` and `raps`, the same picture has the same set at any
 * time, and they cover at least what is stated.
 */
export type ConformalMethod = 'thr' | 'aps' | 'raps';

/** What decides the score of a class. */
export interface ConformalScore {
  method: ConformalMethod;
  /** Penalty of `raps` for each class beyond the first `kReg`. */
  lambda?: number;
  kReg?: number;
}

/** A fitted rule: plain data, which goes with the model. */
export interface ConformalRule extends ConformalScore {
  /** Share of pictures whose set shall hold the right class. */
  coverage: number;
  /** Classes that score at most this are in the set; null: all classes are, for the pictures were too few to say more. */
  threshold: number | null;
}

const LAMBDA = 0.1;
const K_REG = 2;

/**
 * Fits the threshold: the ceil((n + 1) coverage)-th smallest of the labels' scores on n pictures.
 *
 * @param seed randomises `aps` and `raps`; left out they are not
 * @throws UaferError `DATA` without pictures or with broken ones, `USAGE` for a coverage that is not between 0 and 1
 */
export function fitConformal(
  forecasts: readonly Forecast[],
  { coverage, ...score }: ConformalScore & { coverage: number },
  seed?: number,
): ConformalRule {
  if (!(coverage > 0 && coverage < 1)) {
    throw new UaferError('USAGE', `A conformal coverage of ${coverage}: expected a number between 0 and 1.`);
  }
  checkForecasts(forecasts, 'fit conformal sets to');
  const scores = forecasts.map(({ label, probabilities }, i) => {
    return classScores(probabilities, score, randomness(seed, i))[label] as number;
  });
  const place = Math.ceil((scores.length + 1) * coverage - 1e-9);
  return { ...score, coverage, threshold: Float64Array.from(scores).sort()[place - 1] ?? null };
}

/**
 * The set of a picture: positions of its classes, the most probable first.
 *
 * @param probabilities (C)
 * @param u for a randomised rule, uniform in [0, 1)
 */
export function conformalSet(probabilities: readonly number[], rule: ConformalRule, u = 1): number[] {
  const scores = classScores(probabilities, rule, u);
  const threshold = rule.threshold ?? Number.POSITIVE_INFINITY;
  return byProbability(probabilities).filter((c) => (scores[c] as number) <= threshold);
}

/** How sets did on pictures that the rule was not fitted on. */
export interface SetFigures {
  /** Share of the pictures whose set holds the right class. */
  coverage: number;
  /** Mean number of classes, and shares of the pictures with none and with one. */
  meanSize: number;
  empty: number;
  single: number;
  /** Coverage of the pictures of each class; null for a class without a picture. */
  perClass: (number | null)[];
}

/** @param seed as at the fit, for a rule that was randomised */
export function setFigures(forecasts: readonly Forecast[], rule: ConformalRule, seed?: number): SetFigures {
  checkForecasts(forecasts, 'try conformal sets on');
  const rows = forecasts.map(({ label, probabilities }, i) => {
    const set = conformalSet(probabilities, rule, randomness(seed, i));
    return { label, size: set.length, covered: set.includes(label) };
  });
  const share = <T>(of: readonly T[], is: (item: T) => boolean) => of.filter(is).length / of.length;
  const classes = forecasts[0]?.probabilities.length as number;
  return {
    coverage: share(rows, ({ covered }) => covered),
    meanSize: rows.reduce((total, { size }) => total + size, 0) / rows.length,
    empty: share(rows, ({ size }) => size === 0),
    single: share(rows, ({ size }) => size === 1),
    perClass: Array.from({ length: classes }, (_, c) => {
      const own = rows.filter(({ label }) => label === c);
      return own.length === 0 ? null : share(own, ({ covered }) => covered);
    }),
  };
}

function checkForecasts(forecasts: readonly Forecast[], purpose: string): void {
  if (forecasts.length === 0) throw new UaferError('DATA', `There is no picture to ${purpose}: expected at least one.`);
  for (const [i, { label, probabilities }] of forecasts.entries()) {
    if (probabilities[label] === undefined || !probabilities.every(Number.isFinite)) {
      throw new UaferError(
        'DATA',
        `Picture ${i} (from 0) has label ${label} and probabilities [${probabilities.join(', ')}]: expected numbers, the label's among them.`,
      );
    }
  }
}

/** (C): the score of each class of a picture. Classes that are equally probable stand in their own order. */
export function classScores(probabilities: readonly number[], score: ConformalScore, u = 1): number[] {
  const { method, lambda = LAMBDA, kReg = K_REG } = score;
  if (method === 'thr') return probabilities.map((p) => 1 - p);
  const scores = new Array<number>(probabilities.length).fill(0);
  let before = 0;
  byProbability(probabilities).forEach((c, i) => {
    const p = probabilities[c] as number;
    const penalty = method === 'raps' ? lambda * Math.max(0, i + 1 - kReg) : 0;
    scores[c] = before + (1 - u) * p + penalty;
    before += p;
  });
  return scores;
}

function byProbability(probabilities: readonly number[]): number[] {
  return [...probabilities.keys()].sort((a, b) => (probabilities[b] as number) - (probabilities[a] as number) || a - b);
}

/** u of the picture at a position. */
function randomness(seed: number | undefined, position: number): number {
  return seed === undefined ? 1 : createRandom({ seed, epoch: 0, stream: STREAMS.conformal, position }).next();
}
