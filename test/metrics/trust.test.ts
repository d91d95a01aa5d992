import { describe, expect, it } from 'vitest';
import { bootstrap, differences } from '#uafer/metrics/bootstrap.js';
import { auroc } from '#uafer/metrics/detection.js';
import { levelsOf } from '#uafer/metrics/levels.js';
import { computeMetrics, METRICS } from '#uafer/metrics/metrics.js';
import { SCORES, type ScoreName } from '#uafer/metrics/scores.js';
import { areaUnderRiskCoverage } from '#uafer/metrics/selective.js';
import { computeTrust, type JudgedAnswer, SCORE_COLUMNS, type TrustIntervals, trustFigures } from '#uafer/metrics/trust.js';
import { createRandom } from '#uafer/random.js';
import { calibratedForecasts, densityOf } from '../support/forecasts.js';

const CLASSES = 4;
const dirichlet = (mean: readonly number[], strength: number) => mean.map((p) => strength * p);
/** Answers with and without a Dirichlet, and votes drawn from the probabilities: for four classes, "unknown" and "no face". */
function answers({ samples = 300, seed = 1, evidential = true, votes = true, density = evidential } = {}): JudgedAnswer[] {
  const random = createRandom({ seed, epoch: 0, stream: 9, position: 2 });
  return calibratedForecasts({ samples, classes: CLASSES, seed }).map(({ label, logits, probabilities }) => {
    const counts = [...probabilities.map((p) => Math.round(10 * p)), random.integer(3), 0];
    return {
      label,
      predicted: logits.indexOf(Math.max(...logits)),
      logits,
      probabilities,
      uncertainty: random.next(),
      ...(evidential ? { alpha: dirichlet(probabilities, CLASSES + 20 * random.next()) } : {}),
      ...(density ? { density: densityOf(random.uniform(-1, 1)) } : {}),
      ...(votes ? { votes: counts } : {}),
    };
  });
}

describe('the table of trust', () => {
  const rows = answers();
  const trust = computeTrust(rows, CLASSES);

  it('has every figure of every score, each as the functions say', () => {
    expect(Object.keys(trust.scores)).toEqual(SCORES.map(({ name }) => name));
    const errors = rows.map(({ label, predicted }) => label !== predicted);
    for (const { name, of } of SCORES) {
      const row = trust.scores[name];
      expect(Object.keys(row ?? {})).toEqual(SCORE_COLUMNS.map((column) => column.name));
      const levels = levelsOf(
        rows.map((answer) => of(answer) as number),
        errors,
      );
      expect(row?.errorAuroc).toBe(auroc(levels));
      expect(row?.aurc).toBe(areaUnderRiskCoverage(levels));
      expect(Object.values(row ?? {}).every((value) => typeof value === 'number')).toBe(true);
    }
  });

  it('finds that probabilities which the labels were drawn from find errors, and random strengths do not', () => {
    expect(trust.scores.topProbability?.errorAuroc).toBeGreaterThan(0.65);
    expect(Math.abs((trust.scores.vacuity?.errorAuroc as number) - 0.5)).toBeLessThan(0.1);
    expect(trust.scores.entropy?.votesSpearman).toBeGreaterThan(0.9);
  });

  it('tells how the votes were counted, and of how many pictures', () => {
    expect(trust.votes).toMatchObject({ samples: 300, counting: { singles: 'keep', others: 'drop' } });
    expect(trust.votes?.divergence).toBeGreaterThan(0);
    expect(trust.votes?.totalVariation).toBeLessThan(0.1);
    const dropping = computeTrust(rows, CLASSES, { counting: { singles: 'drop', others: 'keep' } });
    expect(dropping.votes?.counting).toEqual({ singles: 'drop', others: 'keep' });
    expect(dropping.votes?.divergence).not.toBe(trust.votes?.divergence);
    expect(dropping.scores.entropy?.votesSpearman).not.toBe(trust.scores.entropy?.votesSpearman);
  });

  it('is JSON', () => {
    expect(JSON.parse(JSON.stringify(trust))).toEqual(trust);
  });

  it('does not depend on the order of the pictures', () => {
    const turned = computeTrust(rows.toReversed(), CLASSES);
    for (const { name } of SCORES) {
      for (const column of SCORE_COLUMNS) {
        expect(turned.scores[name]?.[column.name]).toBeCloseTo(trust.scores[name]?.[column.name] as number, 12);
      }
    }
  });
});

it('a softmax answer has no scores of a Dirichlet, and no likelihood of one', () => {
  const trust = computeTrust(answers({ evidential: false, density: true }), CLASSES);
  const absent = SCORES.filter(({ name }) => trust.scores[name] === null).map(({ name }) => name);
  expect(absent).toEqual(['vacuity', 'expectedEntropy', 'mutualInformation'] satisfies ScoreName[]);
  expect(trust.votes?.dirichletLogLikelihood).toBeNull();
  expect(trust.votes?.logLikelihood).toBeLessThan(0);
});

it('a model that does not know its training pictures has no scores of their density', () => {
  const trust = computeTrust(answers({ density: false }), CLASSES);
  const absent = SCORES.filter(({ name }) => trust.scores[name] === null).map(({ name }) => name);
  expect(absent).toEqual(SCORES.filter(({ needs }) => needs === 'density').map(({ name }) => name));
});

it('without votes there are no figures against them', () => {
  const trust = computeTrust(answers({ votes: false }), CLASSES);
  expect(trust.votes).toBeNull();
  expect(trust.scores.entropy?.votesSpearman).toBeNull();
});

it('pictures whose votes all go elsewhere are left out of the figures against votes alone', () => {
  const rows = answers({ samples: 20 }).map((answer, i) => (i < 5 ? { ...answer, votes: [0, 0, 0, 0, 9, 1] } : answer));
  const trust = computeTrust(rows, CLASSES);
  expect(trust.votes?.samples).toBe(15);
  expect(trust.votes?.divergence).toBeCloseTo(computeTrust(rows.slice(5), CLASSES).votes?.divergence as number, 12);
  expect(trust.scores.entropy?.votesSpearman).toBeCloseTo(
    computeTrust(rows.slice(5), CLASSES).scores.entropy?.votesSpearman as number,
    12,
  );
});

describe('intervals', () => {
  const rows = answers();
  const trust = computeTrust(rows, CLASSES, { bootstrap: { resamples: 60, seed: 7 } });
  const intervals = trust.intervals as TrustIntervals;

  it('stand at the place of every figure, and hold it', () => {
    expect(intervals).toMatchObject({ resamples: 60, seed: 7, level: 0.95 });
    const metrics = computeMetrics(rows, Array.from({ length: CLASSES }, String));
    for (const { name } of METRICS) {
      const [low, high] = intervals.metrics[name] as [number, number];
      expect(low).toBeLessThan(high);
      // A calibration error is biased upwards in resamples, by their own chance.
      if (name.includes('Calibration')) continue;
      expect(low, name).toBeLessThanOrEqual(metrics[name] as number);
      expect(high, name).toBeGreaterThanOrEqual(metrics[name] as number);
    }
    for (const { name } of SCORES) {
      for (const column of SCORE_COLUMNS) {
        const { [column.name]: found } = intervals.scores[name] ?? {};
        const [low, high] = found as [number, number];
        expect(high).toBeGreaterThanOrEqual(low);
      }
    }
    expect(intervals.votes?.divergence?.[0]).toBeLessThanOrEqual(trust.votes?.divergence as number);
  });

  it('are those of figures that are computed of the drawn pictures afresh', () => {
    const drawn = Int32Array.from({ length: 300 }, (_, i) => (i * i) % 300);
    const chosen = Array.from(drawn, (i) => rows[i] as JudgedAnswer);
    const fresh = trustFigures(chosen, CLASSES)();
    for (const [path, value] of Object.entries(trustFigures(rows, CLASSES)(drawn))) {
      expect(value, path).toBeCloseTo(fresh[path] as number, 10);
    }
  });

  it('are the same to the last bit for the same seed', () => {
    expect(computeTrust(rows, CLASSES, { bootstrap: { resamples: 60, seed: 7 } }).intervals).toEqual(intervals);
  });

  it('of the difference of two models are paired: the same model differs by nothing', () => {
    const figures = trustFigures(rows, CLASSES);
    const same = bootstrap(differences(figures, figures), { samples: 300, resamples: 10, seed: 0 });
    for (const interval of Object.values(same)) expect(interval).toEqual([0, 0]);
  });
});

describe('a set at its limits has stated values', () => {
  const sure = (label: number): JudgedAnswer => ({
    label,
    predicted: 0,
    logits: [9, 0],
    probabilities: [1, 0],
    uncertainty: 0,
    alpha: [20, 1e-9],
    votes: [10, 0],
  });
  const noNaN = (value: unknown) => expect(JSON.stringify(value, (_, x) => (Number.isNaN(x) ? 'NaN' : x))).not.toContain('NaN');

  it.each([
    ['one picture, right', [sure(0)]],
    ['one picture, wrong', [sure(1)]],
    ['constant scores and votes', [sure(0), sure(1), sure(0)]],
  ])('%s', (_, rows) => {
    const trust = computeTrust(rows, 2, { bootstrap: { resamples: 5, seed: 0 } });
    noNaN(trust);
    noNaN(computeMetrics(rows, ['a', 'b']));
    expect(trust.scores.entropy?.votesSpearman).toBeNull();
    expect(trust.scores.entropy?.errorAuroc).toBe(rows.length === 1 ? null : 0.5);
  });

  it('a class without a picture', () => {
    const rows = answers().filter(({ label }) => label !== 2);
    noNaN(computeTrust(rows, CLASSES));
    const metrics = computeMetrics(rows, ['a', 'b', 'c', 'd']);
    noNaN(metrics);
    expect(metrics.absentClasses).toEqual(['c']);
  });
});

it.each([
  ['no answer', [], /at least one picture/],
  [
    'probabilities that are not numbers',
    [{ ...answers()[0], probabilities: [Number.NaN, 1, 0, 0] }],
    /Prediction 0 .*\[NaN, 1/,
  ],
  ['probabilities that do not sum to 1', [{ ...answers()[0], probabilities: [0.9, 0.9, 0, 0] }], /sum to 1/],
  ['too few probabilities', [{ ...answers()[0], probabilities: [1] }], /expected 4 probabilities/],
  ['an uncertainty that is not a number', [{ ...answers()[0], uncertainty: Number.NaN }], /and NaN/],
  ['logits that are not numbers', [{ ...answers()[0], logits: [Number.NaN, 1, 0, 0] }], /logits \[NaN/],
  ['votes for other classes', [{ ...answers()[0], votes: [1, 2] }], /Votes \[1, 2\] do not match/],
])('%s are named', (_, rows, message) => {
  expect(() => computeTrust(rows as JudgedAnswer[], CLASSES)).toThrow(message);
});
