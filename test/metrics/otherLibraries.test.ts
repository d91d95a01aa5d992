/**
 * The same figures from scikit-learn, SciPy, NumPy, torchmetrics, torch-uncertainty and MAPIE, on the same made-up answers, in one run of
 * Python. Both compute in double precision: 1e-6 is far above the rounding of either, and of what minimisers stop at.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { interval } from '#uafer/metrics/bootstrap.js';
import { brierDecomposition } from '#uafer/metrics/calibration.js';
import { type ConformalRule, classScores, conformalSet, fitConformal } from '#uafer/metrics/conformal.js';
import { spearman } from '#uafer/metrics/correlation.js';
import { auroc, averagePrecision, falsePositiveRate } from '#uafer/metrics/detection.js';
import { levelsOf, ranksOf } from '#uafer/metrics/levels.js';
import { fitLogisticRegression, predictLogistic } from '#uafer/metrics/logisticRegression.js';
import { computeMetrics, type MetricName } from '#uafer/metrics/metrics.js';
import { fitEvidenceScale, fitStrengthScale, fitTemperature, fitVectorScaling } from '#uafer/metrics/scaling.js';
import { SCORES } from '#uafer/metrics/scores.js';
import { digamma, logGamma, logRising } from '#uafer/metrics/specialFunctions.js';
import { computeTrust } from '#uafer/metrics/trust.js';
import { VOTE_FIGURES, votesEntropy } from '#uafer/metrics/votes.js';
import { createRandom } from '#uafer/random.js';
import { calibratedForecasts, drawFrom } from '../support/forecasts.js';
import { expectClose } from '../support/numbers.js';
import { missingModules, missingPackages, runPython } from '../support/python.js';

const CLASSES = 6;
const SAMPLES = 1200;
const COVERAGE = 0.9;
const RIDGE = 0.5;
const close = { absolute: 1e-6, relative: 1e-6 };

const random = createRandom({ seed: 20, epoch: 0, stream: 9, position: 0 });
/** Answers that are a little too sure (logits times 1.3), votes, and a score of few values that finds errors now and then. */
const answers = calibratedForecasts({ samples: SAMPLES, classes: CLASSES, seed: 20 }).map((forecast) => {
  const logits = forecast.logits.map((z) => 1.3 * z);
  const powers = logits.map(Math.exp);
  const total = powers.reduce((sum, power) => sum + power, 0);
  const probabilities = powers.map((power) => power / total);
  const strength = CLASSES + 30 * random.next();
  const votes = new Array<number>(CLASSES).fill(0);
  for (let vote = 0; vote < 10; vote++) {
    const k = drawFrom(forecast.probabilities, random.next());
    votes[k] = (votes[k] as number) + 1;
  }
  const uncertainty = 1 - Math.max(...probabilities);
  return {
    label: forecast.label,
    predicted: logits.indexOf(Math.max(...logits)),
    logits,
    probabilities,
    strength,
    alpha: probabilities.map((p) => strength * p),
    votes,
    uncertainty,
  };
});
/** Of a Dirichlet whose parameters are all above 1, as evidence + 1 is. */
const alphas = answers.map(({ probabilities, strength }) => probabilities.map((p) => 1 + p * strength));
const strong = answers.map((answer, i) => {
  const alpha = alphas[i] as number[];
  const strength = alpha.reduce((sum, a) => sum + a, 0);
  return { ...answer, strength, alpha, probabilities: alpha.map((a) => a / strength) };
});
const errors = answers.map(({ label, predicted }) => label !== predicted);
const tied = answers.map(({ uncertainty }) => Math.round(8 * (uncertainty + 0.5 * random.next())));
const features = answers.map(({ uncertainty }) => [uncertainty, 100 * random.next(), uncertainty * random.next()]);
const positive = Array.from({ length: 200 }, (_, i) => 10 ** (-4 + i / 16));
const rising = positive.slice(20, 120).map((a, i) => [a, i % 40] as const);
const betas = [
  [1, 1],
  [0.5, 3],
  [7, 2.5],
] as const;

// biome-ignore lint/suspicious/noExplicitAny: what Python printed.
let theirs: any;
const missing = missingModules('sklearn', 'scipy', 'torch', 'torchmetrics') ?? missingPackages('torch_uncertainty', 'mapie');

describe.skipIf(missing !== null)(`the same numbers${missing ? `: ${missing}` : ''}`, () => {
  beforeAll(() => {
    const folder = mkdtempSync(join(tmpdir(), 'uafer-metrics-'));
    const input = {
      ...{ positive, rising, betas, tied, features, coverage: COVERAGE, ridge: RIDGE, alpha: alphas },
      probabilities: answers.map(({ probabilities }) => probabilities),
      logits: answers.map(({ logits }) => logits),
      labels: answers.map(({ label }) => label),
      votes: answers.map(({ votes }) => votes),
    };
    writeFileSync(join(folder, 'input.json'), JSON.stringify(input));
    theirs = JSON.parse(runPython({ file: 'metric_references.py' }, join(folder, 'input.json')));
    rmSync(folder, { recursive: true });
  });

  it("special functions (SciPy's, to 1e-12; of differences of two log gammas to 1e-9)", () => {
    const exact = { absolute: 1e-12, relative: 1e-12 };
    expectClose(positive.map(digamma), theirs.specials.digamma, exact);
    expectClose(positive.map(logGamma), theirs.specials.logGamma, exact);
    expectClose(
      rising.map(([a, n]) => logRising(a, n)),
      theirs.specials.logRising,
      { absolute: 1e-9 },
    );
  });

  it.each(['entropy', 'energy'] as const)('%s (SciPy)', (name) => {
    const row = SCORES.find((each) => each.name === name);
    expectClose(
      answers.map((answer) => row?.of(answer) as number),
      theirs.scores[name],
      close,
    );
  });

  it('expected entropy, of Betas as the integral that it is (SciPy)', () => {
    const row = SCORES.find(({ name }) => name === 'expectedEntropy');
    const of = (alpha: readonly number[]) => row?.of({ logits: [], probabilities: [], alpha }) as number;
    expectClose(betas.map(of), theirs.betaEntropies, close);
  });

  it.each<MetricName>([
    'negativeLogLikelihood',
    'brierScore',
    'expectedCalibrationError',
    'equalMassCalibrationError',
    'classwiseCalibrationError',
  ])('%s (scikit-learn, torchmetrics, torch-uncertainty)', (name) => {
    const metrics = computeMetrics(answers, Array.from({ length: CLASSES }, String));
    expectClose([metrics[name] as number], [theirs.calibration[name]], { absolute: 1e-6 });
  });

  it("parts of Brier's score (NumPy)", () => {
    const { reliability, resolution, uncertainty } = brierDecomposition(answers, CLASSES);
    const { brier } = theirs.calibration;
    expectClose([reliability, resolution, uncertainty], [brier.reliability, brier.resolution, brier.uncertainty], close);
  });

  it('AUROC, average precision and FPR95 of a score with ties (scikit-learn, torch-uncertainty)', () => {
    const levels = levelsOf(tied, errors);
    expectClose(
      [auroc(levels), averagePrecision(levels), falsePositiveRate(levels)] as number[],
      [theirs.detection.auroc, theirs.detection.averagePrecision, theirs.detection.falsePositiveRate],
      close,
    );
  });

  it.each(['aurc', 'excessAurc', 'augrc', 'coverageAt5Risk', 'riskAt80Coverage'] as const)('%s (torch-uncertainty)', (name) => {
    const row = computeTrust(answers, CLASSES).scores.topProbability;
    expectClose([row?.[name] as number], [theirs.selective[name]], close);
  });

  it("Spearman's correlation with ties (SciPy)", () => {
    const entropies = ranksOf(answers.map(({ votes }) => votesEntropy(votes) as number));
    expectClose([spearman(ranksOf(tied), entropies) as number], [theirs.spearman], close);
  });

  it.each(VOTE_FIGURES.map(({ name }) => name))('%s of votes (SciPy)', (name) => {
    const row = VOTE_FIGURES.find((each) => each.name === name);
    // The Dirichlet's parameters are the second ones, its mean theirs.
    const of = name === 'dirichletLogLikelihood' ? strong : answers;
    expectClose(
      of.map((answer) => row?.of(answer, answer.votes) as number),
      theirs.votes[name],
      close,
    );
  });

  it('percentiles (NumPy)', () => {
    expectClose(interval(tied, 0.95), theirs.percentiles, close);
  });

  describe('conformal prediction (MAPIE)', () => {
    const [fitted, others] = [answers.slice(0, SAMPLES / 2), answers.slice(SAMPLES / 2)];
    const members = (set: readonly number[]) => Array.from({ length: CLASSES }, (_, c) => (set.includes(c) ? 1 : 0));

    it('THR has its threshold and sets', () => {
      const rule = fitConformal(fitted, { method: 'thr', coverage: COVERAGE });
      expectClose([rule.threshold as number], [theirs.conformal.thr.threshold], close);
      expect(others.map(({ probabilities }) => members(conformalSet(probabilities, rule)))).toEqual(theirs.conformal.thr.sets);
    });

    it('APS and RAPS have its scores, and APS its randomised sets', () => {
      const { aps, raps } = theirs.conformal;
      const scores = (method: 'aps' | 'raps') =>
        fitted.map(({ label, probabilities }, i) => {
          return classScores(probabilities, { method, lambda: 0.1, kReg: 2 }, aps.fitUniforms[i])[label] as number;
        });
      expectClose(scores('aps'), aps.scores, close);
      expectClose(scores('raps'), raps, close);
      const rule: ConformalRule = { method: 'aps', coverage: COVERAGE, threshold: aps.threshold };
      const sets = others.map(({ probabilities }, i) => members(conformalSet(probabilities, rule, aps.uniforms[i])));
      expect(sets).toEqual(aps.sets);
    });
  });

  it('temperature (scikit-learn)', () => {
    expectClose([fitTemperature(answers)], [theirs.scaling.temperature], close);
  });

  it("vector scaling (SciPy's BFGS with PyTorch's gradients)", () => {
    const { weights, biases } = fitVectorScaling(answers, RIDGE);
    expectClose([...weights, ...biases], theirs.scaling.vector, close);
  });

  it("scales of evidence and strength (SciPy's likelihoods and line search)", () => {
    const voteOf = (label: number) => Array.from({ length: CLASSES }, (_, c) => (c === label ? 1 : 0));
    const labelled = answers.map(({ label }, i) => ({ votes: voteOf(label), alpha: alphas[i] as number[] }));
    const evidence = fitEvidenceScale(labelled);
    const strength = fitStrengthScale(answers.map(({ votes }, i) => ({ votes, alpha: alphas[i] as number[] })));
    expectClose([evidence, strength], [theirs.scaling.evidence, theirs.scaling.strength], close);
  });

  it('logistic regression (scikit-learn)', () => {
    const model = fitLogisticRegression(features, errors, RIDGE);
    expectClose([...model.weights, model.bias], [...theirs.logistic.weights, theirs.logistic.bias], close);
    expectClose(
      features.map((row) => predictLogistic(row, model)),
      theirs.logistic.risks,
      close,
    );
  });
});
