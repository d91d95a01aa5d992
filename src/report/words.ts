/** How good and how trustworthy a model is, in words. Each verdict says by what figure it was reached. */
import { auroc } from '../metrics/detection.js';
import { levelsOf } from '../metrics/levels.js';
import { chanceOf, type Metrics } from '../metrics/metrics.js';
import { SCORES, type ScoreName } from '../metrics/scores.js';
import type { Trust } from '../metrics/trust.js';
import type { PredictionRow } from '../run/predictionsFile.js';
import { decisionCounts } from './decisions.js';
import { percent } from './metricsText.js';
import type { Corruption, Evaluated, Subject } from './subject.js';

export interface Verdict {
  title: string;
  /** The figure that it is about, and what it is. */
  value: string;
  of: string;
  tone: 'good' | 'fair' | 'poor';
  /** In a word or three. */
  verdict: string;
  /** Sentences. */
  text: string;
}

/** The verdicts that the files allow; none for a run that has not been evaluated. */
export function verdicts({ evaluated }: Pick<Subject, 'evaluated'>): Verdict[] {
  if (!evaluated) return [];
  const { metrics, answers, corruptions } = evaluated;
  return [
    howGood(metrics, answers?.trust ?? null),
    howCalibrated(evaluated),
    howAware(evaluated),
    ...(answers ? [...howDecided(answers.rows), ...howHuman(answers.trust)] : []),
    ...howRobust(metrics, corruptions),
  ];
}

/** From a value to words: the first row whose limit it reaches. */
type Scale = readonly (readonly [limit: number, verdict: string, tone: Verdict['tone']])[];

/** For figures of which less is better. */
function atMost(value: number, scale: Scale): Pick<Verdict, 'verdict' | 'tone'> {
  const [, verdict, tone] = scale.find(([limit]) => value <= limit) ?? (scale.at(-1) as Scale[number]);
  return { verdict, tone };
}

function atLeast(value: number, scale: Scale): Pick<Verdict, 'verdict' | 'tone'> {
  const [, verdict, tone] = scale.find(([limit]) => value >= limit) ?? (scale.at(-1) as Scale[number]);
  return { verdict, tone };
}

/** Of the way from what the most frequent class alone would give to all right. */
const GOOD: Scale = [
  [0.6, 'good', 'good'],
  [0.3, 'fair', 'fair'],
  [0.02, 'weak', 'poor'],
  [Number.NEGATIVE_INFINITY, 'no better than guessing', 'poor'],
];

function howGood(metrics: Metrics, trust: Trust | null): Verdict {
  const { accuracy, meanClassAccuracy, perClass, samples } = metrics;
  const largest = perClass.reduce((most, each) => (each.samples > most.samples ? each : most));
  const guessing = largest.samples / samples;
  const range = trust?.intervals?.metrics.accuracy;
  const within = range ? ` (95% interval ${percent(range[0])} to ${percent(range[1])})` : '';
  const judged = perClass.filter(({ recall }) => recall !== null).sort((a, b) => (b.recall as number) - (a.recall as number));
  const [best, worst] = [judged[0], judged.at(-1)];
  const spread =
    best && worst && best.recall !== worst.recall
      ? ` It finds ${best.name} most often (${percent(best.recall)} of its pictures) and ${worst.name} least often (${percent(worst.recall)}).`
      : '';
  const absent =
    metrics.absentClasses.length > 0
      ? ` There is no picture of ${metrics.absentClasses.join(', ')}: nothing is known of that.`
      : '';
  return {
    title: 'How good',
    value: percent(accuracy),
    of: 'accuracy',
    ...(samples < FEWEST ? TOO_FEW : atLeast(guessing < 1 ? (accuracy - guessing) / (1 - guessing) : accuracy, GOOD)),
    text:
      `It names the expression that people named for ${percent(accuracy)} of ${counted(samples)}${within}; always saying ${largest.name} ` +
      `would be right for ${percent(guessing)}. Averaged over the classes it is right for ${percent(meanClassAccuracy)}.${spread}${absent}`,
  };
}

const counted = (samples: number) => (samples === 1 ? '1 test picture' : `${samples.toLocaleString('en')} test pictures`);

const CALIBRATED: Scale = [
  [0.02, 'mean what they say', 'good'],
  [0.05, 'nearly mean what they say', 'good'],
  [0.1, 'are somewhat off', 'fair'],
  [Number.POSITIVE_INFINITY, 'do not mean what they say', 'poor'],
];
/** Of fewer pictures bins say little; of the fewest nothing is said but figures. */
const FEW = 200;
const FEWEST = 30;
const TOO_FEW = { verdict: 'too few pictures to say', tone: 'fair' } as const;

function howCalibrated({ metrics, answers }: Evaluated): Verdict {
  const { expectedCalibrationError: error, accuracy, samples } = metrics;
  const found = atMost(error, CALIBRATED);
  const { verdict, tone } = samples < FEWEST ? TOO_FEW : found;
  const sure = answers ? mean(answers.rows.map(({ probabilities, predicted }) => probabilities[predicted] as number)) : null;
  const gap = sure === null ? 0 : sure - accuracy;
  const side = Math.abs(gap) < 0.01 ? 'neither too sure nor too unsure' : gap > 0 ? 'too sure' : 'too unsure';
  const said =
    sure === null ? '' : ` On average it says ${percent(sure)} and is right for ${percent(accuracy)}: it is ${side}.`;
  const few = samples < FEW ? ` Of ${counted(samples)} that is a rough figure: chance alone makes it larger than 0.` : '';
  return {
    title: 'Its probabilities',
    value: error.toFixed(3),
    of: 'expected calibration error',
    verdict,
    tone,
    text: `The probabilities ${found.verdict}: they are ${percent(error)} away from how often the answer is right, on average over 15 bins.${said}${few}`,
  };
}

const AWARE: Scale = [
  [0.9, 'knows very well', 'good'],
  [0.8, 'knows well', 'good'],
  [0.7, 'knows in part', 'fair'],
  [0.55, 'hardly knows', 'poor'],
  [0.45, 'does not know', 'poor'],
  [Number.NEGATIVE_INFINITY, 'is upside down', 'poor'],
];

function howAware({ metrics, answers }: Evaluated): Verdict {
  const { errorAuroc, samples, accuracy } = metrics;
  const title = 'Whether it knows its errors';
  const of = 'AUROC of its own uncertainty for errors';
  if (errorAuroc === null) {
    const why = accuracy === 1 ? 'every answer is right' : 'every answer is wrong';
    return {
      title,
      value: '-',
      of,
      verdict: 'cannot be said',
      tone: 'fair',
      text: `Of ${counted(samples)} ${why}: there is nothing to tell apart.`,
    };
  }
  const worse = chanceOf('errorAuroc', metrics)?.worse ?? false;
  const chance = worse ? ' That is worse than chance (0.5): do not act on it.' : ' Chance would be 0.5.';
  return {
    title,
    value: errorAuroc.toFixed(3),
    of,
    ...(samples < FEWEST ? TOO_FEW : atLeast(errorAuroc, AWARE)),
    text:
      `A wrong answer is more uncertain than a right one in ${percent(errorAuroc)} of the pairs.${chance}${leftOut(metrics)}` +
      (answers ? constant(answers.rows) + byRisk(answers.rows) + best(answers.trust, errorAuroc) : ''),
  };
}

/** Earlier versions kept no such figure. */
function leftOut({ riskAt80Coverage, accuracy }: Metrics): string {
  if (riskAt80Coverage == null) return '';
  const [others, all] = [percent(riskAt80Coverage), percent(1 - accuracy)];
  return ` Were the most uncertain fifth of the pictures left out, ${others} of the others would be wrong, of all ${all} are.`;
}

function constant(rows: readonly PredictionRow[]): string {
  const same = rows.every(({ uncertainty }) => uncertainty === rows[0]?.uncertainty);
  return same ? ' It is the same for every picture, so that it tells nothing apart.' : '';
}

/** Calibrated answers are reported by another score than the uncertainty, which rejects pictures. */
function byRisk(rows: readonly PredictionRow[]): string {
  const risks = rows.flatMap(({ risk, decision }) => (risk === undefined || decision === undefined ? [] : [risk]));
  if (risks.length < rows.length) return '';
  const wrong = rows.map(({ label, predicted }) => label !== predicted);
  const found = auroc(levelsOf(risks, wrong));
  return found === null
    ? ''
    : ` The risk that it states, by which its answers are reported, finds them with AUROC ${found.toFixed(3)}.`;
}

function best({ scores }: Trust, own: number): string {
  const found = SCORES.flatMap(({ name, title }) => {
    const value = scores[name]?.errorAuroc ?? null;
    return value === null ? [] : [{ name, title, value }];
  }).sort((a, b) => b.value - a.value);
  const [first] = found;
  const baseline = found.find(({ name }) => name === ('topProbability' satisfies ScoreName));
  if (!first || !baseline) return '';
  if (first.value - own < 0.005) return ' No other score of its answers does notably better.';
  const plain = first === baseline ? '' : `, the plain top probability ${baseline.value.toFixed(3)}`;
  return ` Of the scores of its answers the best is the ${first.title} (${first.value.toFixed(3)}${plain}).`;
}

function howDecided(rows: readonly PredictionRow[]): Verdict[] {
  const counts = decisionCounts(rows);
  if (!counts) return [];
  const { report, ambiguous, reject } = counts;
  const share = (part: { pictures: number }) => part.pictures / rows.length;
  const right = (part: { pictures: number; right: number }) =>
    part.pictures === 0 ? '' : ` (${percent(part.right / part.pictures)} of them right)`;
  return [
    {
      title: 'What it reports',
      value: percent(share(report)),
      of: 'of the pictures are reported',
      ...atLeast(report.pictures === 0 ? 0 : report.right / report.pictures, [
        [0.95, 'reports what is right', 'good'],
        [0.85, 'reports what is mostly right', 'fair'],
        [0, 'reports too much', 'poor'],
      ]),
      text:
        `Of all pictures it reports ${percent(share(report))}${right(report)}, calls ${percent(share(ambiguous))} ambiguous${right(ambiguous)} ` +
        `and rejects ${percent(share(reject))}${right(reject)}.`,
    },
  ];
}

const HUMAN: Scale = [
  [0.5, 'follows people', 'good'],
  [0.3, 'follows people in part', 'fair'],
  [Number.NEGATIVE_INFINITY, 'does not follow people', 'poor'],
];

function howHuman({ votes, scores }: Trust): Verdict[] {
  const score = scores.expectedEntropy ?? scores.entropy;
  const correlation = score?.votesSpearman ?? null;
  if (!votes || correlation === null) return [];
  return [
    {
      title: 'Where people disagree',
      value: correlation.toFixed(3),
      of: "rank correlation of ambiguity with the votes' entropy",
      ...atLeast(correlation, HUMAN),
      text:
        `On ${votes.samples.toLocaleString('en')} pictures with votes its ambiguity and people's disagreement have a rank correlation of ` +
        `${correlation.toFixed(3)} (1 would be the same order, 0 none). Its distribution is ${votes.totalVariation?.toFixed(3) ?? '-'} away from the ` +
        "votes' in total variation (0 is the same, 1 is disjoint).",
    },
  ];
}

function howRobust({ accuracy }: Metrics, corruptions: readonly Corruption[]): Verdict[] {
  if (corruptions.length === 0) return [];
  const severest = Math.max(...corruptions.map(({ severity }) => severity));
  const there = corruptions.filter(({ severity }) => severity === severest);
  const after = mean(there.map(({ metrics }) => metrics.accuracy));
  const worst = there.reduce((low, each) => (each.metrics.accuracy < low.metrics.accuracy ? each : low));
  return [
    {
      title: 'When pictures are bad',
      value: percent(after),
      of: `mean accuracy at severity ${severest}`,
      ...atMost(accuracy - after, [
        [0.05, 'hardly minds', 'good'],
        [0.2, 'suffers', 'fair'],
        [Number.POSITIVE_INFINITY, 'breaks down', 'poor'],
      ]),
      text:
        `Over ${new Set(corruptions.map(({ name }) => name)).size} corruptions its accuracy falls from ${percent(accuracy)} to ${percent(after)} at severity ` +
        `${severest}; ${worst.title ?? worst.name} hurts most (${percent(worst.metrics.accuracy)}).`,
    },
  ];
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
