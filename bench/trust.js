/**
 * `npm run bench trust -- --ferplus FOLDER [--bootstrap N] [--out DIR]`: how far the answers of the shipped backbone can be trusted,
 * zero-shot, on FER+'s validation pictures, read as softmax and as the released method reads them (ReLU evidence of normalised scores).
 *
 * Every figure of all pictures with its interval; then scalings, conformal sets, decisions and a risk head, fitted on the pictures at even
 * places of the list and tried on those at odd ones. Writes a JSON file for each reading and `table.md`.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { calibratedAnswer } from '#uafer/calibration/calibration.js';
import { fitCalibration } from '#uafer/calibration/fitCalibration.js';
import { resolveConfig } from '#uafer/config/resolve.js';
import { evaluateCheckpoint } from '#uafer/evaluate/evaluateCheckpoint.js';
import { fitConformal, setFigures } from '#uafer/metrics/conformal.js';
import { decisionFigures, fitDecision } from '#uafer/metrics/decision.js';
import { auroc } from '#uafer/metrics/detection.js';
import { levelsOf } from '#uafer/metrics/levels.js';
import { fitLogisticRegression, predictLogistic } from '#uafer/metrics/logisticRegression.js';
import { computeMetrics, METRICS } from '#uafer/metrics/metrics.js';
import { applyVectorScaling, fitVectorScaling, logProbabilities } from '#uafer/metrics/scaling.js';
import { entropy, SCORES, scoreColumns } from '#uafer/metrics/scores.js';
import { computeTrust, SCORE_COLUMNS } from '#uafer/metrics/trust.js';
import { VOTE_FIGURES } from '#uafer/metrics/votes.js';

const MODEL = fileURLToPath(new URL('../models/uafer-clip-small.safetensors', import.meta.url));
const RESULTS = fileURLToPath(new URL('results/trust', import.meta.url));
const READINGS = {
  softmax: { title: 'softmax of the scaled cosines', recipe: 'small-clip' },
  released: { title: "the released method's evidence, not trained", recipe: 'released' },
};
const COVERAGE = 0.9;
const AIMS = [0.05, 0.08];
const REJECTED = 0.05;

const { values } = parseArgs({
  options: { ferplus: { type: 'string' }, bootstrap: { type: 'string' }, out: { type: 'string' } },
});
if (!values.ferplus) {
  console.error("--ferplus FOLDER is needed: FER+ in its owners' layout (fer2013new.csv beside FER2013Valid).");
  process.exit(2);
}
const out = values.out ?? RESULTS;
mkdirSync(out, { recursive: true });
const lines = [];
for (const [name, reading] of Object.entries(READINGS)) {
  const result = await measure(reading);
  writeFileSync(join(out, `${name}.json`), `${JSON.stringify(result, null, 1)}\n`);
  lines.push(...table(reading.title, result));
}
writeFileSync(join(out, 'table.md'), `${lines.join('\n')}\n`);
console.log(lines.join('\n'));

/** @param {{title: string, recipe: string}} reading */
async function measure({ title, recipe }) {
  const dataset = { dataset: 'ferplus', dataPath: values.ferplus, device: 'cpu' };
  const options = recipe === 'released' ? { ...dataset, clipPath: MODEL } : dataset;
  const bootstrap = Number(values.bootstrap ?? 1000);
  const {
    predictions,
    metrics,
    trust,
    dataset: read,
  } = await evaluateCheckpoint(MODEL, resolveConfig({ recipe, options }), {
    bootstrap,
  });
  const { classes } = read;
  const [fitted, tried] = [0, 1].map((rest) => predictions.filter((_, i) => i % 2 === rest));
  const halves = Object.fromEntries(
    Object.entries(scalings(fitted)).map(([name, { parameters, scaled }]) => {
      const [a, b] = [fitted.map(scaled), tried.map(scaled)];
      return [name, { parameters, ...figuresOf(b, classes), ...fittedFigures(a, b) }];
    }),
  );
  return { reading: title, recipe, model: 'models/uafer-clip-small.safetensors', classes, metrics, ...trust, halves };
}

/**
 * Ways to scale the answers, fitted on the given ones: temperature and evidence as `fitCalibration` does it, and vector scaling.
 *
 * @param {import('../dist/evaluate/evaluate.js').Prediction[]} fitted
 */
function scalings(fitted) {
  const raw = ({ logits, alpha }) => ({ logits, evidence: alpha?.map((a) => a - 1) ?? null });
  const classes = fitted[0].logits.length;
  const calibration = fitCalibration(
    fitted.map((answer) => ({ ...raw(answer), label: answer.label, votes: answer.votes.slice(0, classes) })),
    { rates: null, fittedOn: 'FER+ validation, even places' },
  );
  const calibrated = (answer) => {
    const { probabilities, alpha, uncertainty } = calibratedAnswer(raw(answer), calibration);
    return { ...answer, probabilities, uncertainty, ...(alpha && { alpha }) };
  };
  const logitsOf = ({ probabilities }) => logProbabilities(probabilities);
  const vector = fitVectorScaling(fitted.map((answer) => ({ label: answer.label, logits: logitsOf(answer) })));
  const scaled = ({ alpha: _, ...answer }) => {
    const probabilities = applyVectorScaling(logitsOf(answer), vector);
    return { ...answer, probabilities, uncertainty: entropy(probabilities) };
  };
  return {
    'nothing: as it is': { parameters: {}, scaled: (answer) => answer },
    'evidence and temperature': { parameters: calibration, scaled: calibrated },
    'vector scaling': { parameters: vector, scaled },
  };
}

function figuresOf(answers, classes) {
  return { metrics: computeMetrics(answers, classes), ...computeTrust(answers, classes.length) };
}

/** What is fitted on one half and tried on the other. */
function fittedFigures(fitted, tried) {
  const sets = ['thr', 'aps', 'raps'].map((method) => {
    return [method, setFigures(tried, fitConformal(fitted, { method, coverage: COVERAGE }))];
  });
  const judged = (answers) => {
    const columns = scoreColumns(answers);
    return answers.map(({ label, predicted }, i) => ({
      uncertainty: columns.get('topProbability')[i],
      ignorance: columns.get('vacuity')?.[i],
      correct: label === predicted,
    }));
  };
  const decisions = AIMS.map((risk) => {
    const rule = fitDecision(judged(fitted), { risk, rejected: REJECTED });
    return [risk, { rule, ...decisionFigures(judged(tried), rule) }];
  });
  const features = (answers) => {
    const columns = [...scoreColumns(answers).values()];
    return answers.map((_, i) => columns.map((column) => column[i]));
  };
  const wrong = (answers) => answers.map(({ label, predicted }) => label !== predicted);
  const head = fitLogisticRegression(features(fitted), wrong(fitted));
  const risks = features(tried).map((row) => predictLogistic(row, head));
  return {
    sets: Object.fromEntries(sets),
    decisions: Object.fromEntries(decisions),
    riskHead: { errorAuroc: auroc(levelsOf(risks, wrong(tried))) },
  };
}

/** The reading's tables in Markdown. */
function table(title, { metrics, intervals, scores, brier, votes, halves }) {
  const arrow = ({ better }) => (better === 'higher' ? '↑' : '↓');
  const decimal = (value) => (value == null ? '-' : value.toFixed(3));
  const range = (ends) => (ends ? ` (${ends.map(decimal).join(' to ')})` : '');
  const row = (...cells) => `| ${cells.join(' | ')} |`;
  const rule = (count) => row(...new Array(count).fill('---'));
  const figures = METRICS.map((each) =>
    row(`${each.title} ${arrow(each)}`, `${decimal(metrics[each.name])}${range(intervals.metrics[each.name])}`),
  );
  const ofScores = SCORES.filter(({ name }) => scores[name]).map(({ name, title: heading }) =>
    row(
      heading,
      ...SCORE_COLUMNS.map((column) => `${decimal(scores[name][column.name])}${range(intervals.scores[name][column.name])}`),
    ),
  );
  const ofVotes = VOTE_FIGURES.filter(({ name }) => votes[name] !== null).map((each) =>
    row(`${each.title} ${arrow(each)}`, `${decimal(votes[each.name])}${range(intervals.votes[each.name])}`),
  );
  const ofHalves = Object.entries(halves).map(([name, half]) => {
    const { sets, decisions, riskHead } = half;
    const decided = AIMS.map((aim) => {
      const { report, ambiguous, reject } = decisions[aim];
      return `${percent(report.share)} at ${percent(report.accuracy)}, ${percent(ambiguous.share)} at ${percent(ambiguous.accuracy)}, ${percent(reject.share)}`;
    });
    const ofSets = ['thr', 'aps', 'raps'].map(
      (method) => `${decimal(sets[method].coverage)}, ${sets[method].meanSize.toFixed(2)}`,
    );
    return row(
      name,
      decimal(half.metrics.negativeLogLikelihood),
      decimal(half.metrics.expectedCalibrationError),
      decimal(half.scores.topProbability.errorAuroc),
      decimal(riskHead.errorAuroc),
      ...ofSets,
      ...decided,
    );
  });
  const heading = ['fitted on the other half of the pictures', 'NLL', 'ECE', 'AUROC, top probability', 'AUROC, risk head'];
  const headingSets = ['THR', 'APS', 'RAPS'].map((method) => `${method} at ${COVERAGE}: coverage, size`);
  const headingDecisions = AIMS.map((aim) => `aim ${percent(aim)} risk: reported, ambiguous, rejected`);
  const all = [...heading, ...headingSets, ...headingDecisions];
  return [
    `## Read as ${title}`,
    '',
    ...[row('figure', `${metrics.samples} pictures, 95% interval of ${intervals.resamples} resamples`), rule(2), ...figures],
    row(
      "Brier's reliability, resolution, uncertainty",
      [brier.reliability, brier.resolution, brier.uncertainty].map(decimal).join(', '),
    ),
    ...ofVotes,
    '',
    ...[
      row('score', ...SCORE_COLUMNS.map((each) => `${each.title} ${arrow(each)}`)),
      rule(1 + SCORE_COLUMNS.length),
      ...ofScores,
    ],
    '',
    ...[row(...all), rule(all.length), ...ofHalves],
    '',
  ];
}

function percent(share) {
  return share === null ? '-' : `${(100 * share).toFixed(1)}%`;
}
