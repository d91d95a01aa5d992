/**
 * What a face shows, by several pictures of it that were taken one after the other: their answers as one, in which older ones are forgotten.
 *
 * An answer is an opinion of subjective logic (Josang 2016): a certainty c = 1 - u that is shared out by its probabilities p, that is evidence
 * r = p c / u in units of the prior weight. The answers of a window are fused by *weighted belief fusion* (Josang, Wang and Zhang 2017; van der
 * Heijden, Kopp and Kargl 2018), each with a weight that halves with every half-life of its age, w_i = 2^(-age_i / h) c_i:
 *
 *     evidence      R = sum_i w_i r_i / sum_i w_i,  p = R / sum(R),  c' = sum(R) / (1 + sum(R))
 *     freshness     c'' = min(c', max_i 2^(-age_i / h) c_i)
 *     conflict      d = sum_i w_i c_i D(p_i, p) / sum_i w_i,  D = 1/2 sum_c |p_ic - p_c|
 *     certainty     1 - u = (1 - d) c''
 *
 * Why this rule. Cumulative fusion, the sum of the evidence, takes the pictures for independent witnesses. Neighbouring frames are almost the same
 * picture, with the same light, pose and person, and what misleads the model in one misleads it in the next: with their number the sum becomes certain of
 * anything, and thresholds that were fitted on single pictures lose their meaning. Dempster's rule does so still faster, and forgets the conflict.
 * The plain average is taught by pictures that say nothing. The weighted one is not, and of equal answers it is the same answer, however
 * often it comes: a photo that is filmed is as certain as the photo, and the model's own thresholds hold for what is fused. What is gained over a
 * single frame is steadiness, not certainty.
 *
 * - The order of the answers doesn't matter, but for the last digits; their times do.
 * - An answer without evidence (u = 1) changes nothing.
 * - Answers that contradict each other are less certain together than if they agreed: by the conflict, as where the opinions of two branches are
 *   averaged in training. So a face is uncertain while its expression changes, and certain again when the old one is forgotten.
 * - It is never more certain than its freshest ground: where nothing new is seen, certainty goes by half in each half-life.
 *
 * Of a model without evidence u is the entropy of the probabilities, and the same formulas hold with it.
 */
import { decisionOf } from '../calibration/calibration.js';
import { UaferError } from '../errors.js';
import { conformalSet } from '../metrics/conformal.js';
import { type Answer, namedAnswer, ranked } from './answer.js';
import type { ModelFile } from './modelFile.js';

/** An answer to a picture, and when that was taken, in seconds from any moment. */
export interface TimedAnswer {
  time: number;
  answer: Answer;
}

export interface FusionOptions {
  /** Seconds after which an answer counts half; 0.5 when left out: what a face shows lasts from half a second to four (Ekman 2003). */
  halfLife?: number;
  /** Uncertainty, in [0, 1], above which the decision is to reject, in place of the model's own threshold. */
  abstain?: number | undefined;
}

export interface WindowOptions extends FusionOptions {
  /** Seconds after which an answer is dropped; four half-lives when left out, when it counts a sixteenth. */
  seconds?: number;
}

/** The classes, and what decides. */
type DecidingModel = Pick<ModelFile, 'classes' | 'calibration'>;

const HALF_LIFE = 0.5;
const HALF_LIVES = 4;
/** Answers of a window: 2 s at 128 frames a second. Of more the oldest are dropped. */
const MOST_ANSWERS = 256;
/** Below it an uncertainty would be no number of evidence. */
const LEAST_UNCERTAINTY = 1e-9;

/** An answer with its weight. */
interface Weighed {
  answer: Answer;
  probabilities: readonly number[];
  /** 2^(-age / h) in (0, 1]. */
  fresh: number;
  certainty: number;
  /** r summed over the classes. */
  evidence: number;
}

/**
 * The answers as one at the moment `now`; of a single one of that moment itself. Its risk is that of the fused expression, meant over
 * the answers as the probabilities are: without a risk head 1 - its probability. Ambiguity is meant alike.
 *
 * @throws UaferError `USAGE` without an answer, for one that is later than `now`, or a half-life that is not above 0
 */
export function fuseOverTime(
  answers: readonly TimedAnswer[],
  now: number,
  model: DecidingModel,
  { halfLife = HALF_LIFE, abstain }: FusionOptions = {},
): Answer {
  const { classes, calibration } = model;
  const all = weigh(answers, now, classes, halfLife);
  const weight = sum(all, ({ fresh, certainty }) => fresh * certainty);
  // Where there is no evidence at all, what was most probable last still counts most.
  const share =
    weight > 0 ? ({ fresh, certainty, evidence }: Weighed) => fresh * certainty * evidence : ({ fresh }: Weighed) => fresh;
  const whole = sum(all, share);
  const mean = (of: (each: Weighed) => number) => sum(all, (each) => share(each) * of(each)) / whole;
  const probabilities = classes.map((_, c) => mean((each) => each.probabilities[c] as number));
  const newest = all.reduce((last, each) => (each.fresh > last.fresh ? each : last)).answer;
  const order = ranked(probabilities, classes.indexOf(newest.expression));
  const first = order[0] as number;
  const uncertainty = weight > 0 ? 1 - certaintyOf(all, weight, whole / weight, probabilities) : 1;
  const risk = mean(({ answer, probabilities: own }) => riskOf(answer, classes[first] as string, own[first] as number));
  const decision = decisionOf({ uncertainty, risk }, calibration?.decision ?? null, abstain);
  const ambiguity = mean(({ answer }) => answer.ambiguity);
  const set = calibration?.conformal ? conformalSet(probabilities, calibration.conformal) : null;
  return namedAnswer(classes, order, { probabilities, uncertainty, ambiguity, risk, decision, set });
}

/** (1 - d) c'' of the formulas above. */
function certaintyOf(all: readonly Weighed[], weight: number, evidence: number, fused: readonly number[]): number {
  const averaged = evidence / (1 + evidence);
  const freshest = Math.max(...all.map(({ fresh, certainty }) => fresh * certainty));
  const conflict = sum(all, (each) => each.fresh * each.certainty ** 2 * distance(each.probabilities, fused)) / weight;
  return (1 - conflict) * Math.min(averaged, freshest);
}

/** How probably a picture of which the model says `answer` shows something else than `expression`. */
function riskOf(answer: Answer, expression: string, probability: number): number {
  return answer.expression === expression ? answer.risk : Math.max(answer.risk, 1 - probability);
}

function weigh(answers: readonly TimedAnswer[], now: number, classes: readonly string[], halfLife: number): Weighed[] {
  if (!(halfLife > 0)) throw new UaferError('USAGE', `halfLife: expected seconds above 0, got ${halfLife}.`);
  if (answers.length === 0) throw new UaferError('USAGE', 'There is no answer to fuse: expected at least one.');
  return answers.map(({ time, answer }) => {
    if (!(time <= now)) throw new UaferError('USAGE', `An answer of ${time} s cannot be known at ${now} s.`);
    const uncertainty = Math.min(1, Math.max(LEAST_UNCERTAINTY, answer.uncertainty));
    return {
      answer,
      probabilities: classes.map((name) => answer.probabilities[name] as number),
      // An answer of long ago counts next to nothing, and never nothing at all: something must be said where there is no other.
      fresh: Math.max(Number.MIN_VALUE, 2 ** ((time - now) / halfLife)),
      certainty: 1 - uncertainty,
      evidence: (1 - uncertainty) / uncertainty,
    };
  });
}

/** Half the sum of the differences, in [0, 1]. */
function distance(a: readonly number[], b: readonly number[]): number {
  return a.reduce((total, value, c) => total + Math.abs(value - (b[c] as number)), 0) / 2;
}

function sum(all: readonly Weighed[], of: (each: Weighed) => number): number {
  return all.reduce((total, each) => total + of(each), 0);
}

/** The answers to one face of the last seconds. */
export interface EvidenceWindow {
  /** Takes in an answer, and gives the fused one at its time. Times ascend. */
  add(time: number, answer: Answer): Answer;
}

/**
 * A window over the answers to one face, which forgets what is older: its memory is bounded.
 *
 * @throws UaferError `USAGE` for seconds or a half-life that are not above 0
 */
export function createEvidenceWindow(model: DecidingModel, options: WindowOptions = {}): EvidenceWindow {
  const { halfLife = HALF_LIFE, seconds = HALF_LIVES * halfLife, abstain } = options;
  if (!(seconds > 0)) throw new UaferError('USAGE', `seconds: expected a time above 0, got ${seconds}.`);
  let kept: TimedAnswer[] = [];
  return {
    add(time, answer) {
      kept = [...kept.filter((each) => time - each.time < seconds), { time, answer }].slice(-MOST_ANSWERS);
      return fuseOverTime(kept, time, model, { halfLife, abstain });
    },
  };
}
