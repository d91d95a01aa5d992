/**
 * `npm run bench method -- --file ABLATION.yaml --runs FOLDER [--ensemble ROW] [--people FOLDER] [--outliers FOLDER] [--every N]
 * [--bootstrap N] [--out DIR]`: the trainings that `uafer ablate` made of FER+, each calibrated on one half of its validation pictures (the first
 * by the SHA-256 of their names, as `uafer calibrate` takes them) with what 5,000 training pictures look like, and reported on the other half.
 *
 * `--ensemble` adds the mean of the probabilities of one row's seeds; its density is that of the first member. Pictures are spoilt at the
 * largest severity, every N-th of them (4). Differences to the best of a column are paired by seed and resampled by picture. What a training was
 * found to be is kept in its run folder (`method.json`), so that the same command goes on where it was stopped.
 */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { calibratedAnswer } from '#uafer/calibration/calibration.js';
import { fitDensity } from '#uafer/calibration/density.js';
import { fitCalibration } from '#uafer/calibration/fitCalibration.js';
import { earlyLayers } from '#uafer/clip/taps.js';
import { CORRUPTIONS, SEVERITIES } from '#uafer/corruptions/corruptions.js';
import { loadDataset } from '#uafer/data/datasets.js';
import { createLoader } from '#uafer/data/loader.js';
import { inHashOrder } from '#uafer/data/people.js';
import { loadTraining, loadValidation } from '#uafer/data/validation.js';
import { CALIBRATION_DEFAULTS, splitValidation } from '#uafer/evaluate/calibrateCheckpoint.js';
import { evaluate } from '#uafer/evaluate/evaluate.js';
import { readModel } from '#uafer/evaluate/readModel.js';
import { outlierPictures } from '#uafer/evaluate/robustness.js';
import { readAblation } from '#uafer/experiments/ablationFile.js';
import { bootstrap } from '#uafer/metrics/bootstrap.js';
import { midranks, rankCorrelation } from '#uafer/metrics/correlation.js';
import { auroc } from '#uafer/metrics/detection.js';
import { countLevels, ranksOf } from '#uafer/metrics/levels.js';
import { metricFigures, scoredSets } from '#uafer/metrics/metrics.js';
import { detectOutliers } from '#uafer/metrics/outliers.js';
import { scoreColumns } from '#uafer/metrics/scores.js';
import { areaUnderGeneralizedRiskCoverage, areaUnderRiskCoverage } from '#uafer/metrics/selective.js';
import { countVotes, RAW_VOTES, votesEntropy } from '#uafer/metrics/votes.js';
import { runFolder } from '#uafer/run/runFolder.js';
import { prepareEngine } from '#uafer/task/prepareEngine.js';
import { floats } from '#uafer/task/softmaxPrediction.js';

const TRAINING_PICTURES = 5000;
const WORST = SEVERITIES.at(-1);
const SEED = 42;

const { values } = parseArgs({
  options: {
    file: { type: 'string' },
    runs: { type: 'string' },
    ensemble: { type: 'string' },
    people: { type: 'string' },
    outliers: { type: 'string' },
    every: { type: 'string', default: '4' },
    bootstrap: { type: 'string', default: '1000' },
    out: { type: 'string', default: fileURLToPath(new URL('results/method', import.meta.url)) },
  },
});
if (!values.file || !values.runs) {
  console.error('--file ABLATION.yaml and --runs FOLDER are needed: the file and the folder of `uafer ablate`.');
  process.exit(2);
}

/** The columns of the table, and what a figure is read as. */
const COLUMNS = [
  ['accuracy', 'accuracy', 'higher', percent],
  ['meanClassAccuracy', 'mean class', 'higher', percent],
  ['negativeLogLikelihood', 'NLL', 'lower', decimal],
  ['expectedCalibrationError', 'ECE', 'lower', decimal],
  ['errorAuroc', 'errors found by the risk', 'higher', decimal],
  ['aurc', 'AURC', 'lower', fine],
  ['augrc', 'AUGRC', 'lower', fine],
  ['vacuityAuroc', 'errors found by vacuity', 'higher', decimal],
  ['ambiguitySpearman', "ambiguity and the votes' entropy (Spearman)", 'higher', decimal],
];

const ablation = readAblation(values.file, values.runs, () => {});
const finished = ablation.rows.flatMap((row) => {
  const cells = row.cells.filter(({ config }) => existsSync(join(config.out, 'evaluation.json')));
  return cells.length < row.cells.length ? [] : [{ name: row.name, cells }];
});
const rows = [];
for (const { name, cells } of finished) {
  const contenders = cells.map((cell) => ({ members: [cell], keptIn: join(cell.config.out, 'method.json') }));
  rows.push({ name, passes: 1, measured: await inOrder(contenders, measured) });
  if (name !== values.ensemble) continue;
  const together = { members: cells, keptIn: join(cells[0].config.out, '..', 'method-ensemble.json') };
  rows.push({ name: `${name}, ensemble of ${cells.length}`, passes: cells.length, measured: [await measured(together)] });
}
const table = compared(rows);
mkdirSync(values.out, { recursive: true });
const base = join(values.out, values.file.replace(/^.*\//, '').replace(/\.ya?ml$/, '-calibrated'));
writeFileSync(`${base}.json`, `${JSON.stringify(table, null, 1)}\n`);
writeFileSync(`${base}.md`, text(table));
console.log(text(table));

async function inOrder(items, each) {
  const made = [];
  for (const item of items) made.push(await each(item));
  return made;
}

/** Everything that is told of a training, or of several whose probabilities are averaged. */
async function measured({ members, keptIn }) {
  if (existsSync(keptIn)) return JSON.parse(readFileSync(keptIn, 'utf8'));
  const config = prepareEngine({ ...members[0].config, precision: 'fp32' });
  const { dataset: name, dataPath, data } = config;
  const validation = loadValidation({ name, dataPath, ...data, votes: 'majority' });
  const { fitted, rest } = splitValidation(validation.samples, CALIBRATION_DEFAULTS.share);
  const models = members.map((cell) => {
    const { last } = runFolder(cell.config.out);
    return readModel(last, { ...cell.config, precision: 'fp32' }, validation.classes).model;
  });
  const { architecture, text: texts } = models[0].classifier();
  const layers = earlyLayers(architecture);
  const ask = { models, config, layers };

  const known = new Map(loadTraining({ name, dataPath, ...data }).train.map((sample) => [sample.file, sample]));
  const learned = inHashOrder([...known.keys()])
    .slice(0, TRAINING_PICTURES)
    .map((file) => known.get(file));
  const weights = { values: floats(texts), width: texts.shape[1] };
  const density = fitDensity(await answers(ask, learned), { weights, layers, fittedOn: `${learned.length} training pictures` });
  const calibration = fitCalibration(await answers(ask, fitted), {
    ...CALIBRATION_DEFAULTS,
    density,
    fittedOn: `${fitted.length} pictures of ${validation.what}`,
  });

  const started = performance.now();
  const raw = await answers(ask, rest);
  const milliseconds = (performance.now() - started) / raw.length;
  const ordinary = raw.map((answer) => judged(answer, calibration));
  const few = rest.filter((_, i) => i % Number(values.every) === 0);
  const fewOrdinary = ordinary.filter((_, i) => i % Number(values.every) === 0);
  const spoilt = {};
  for (const { name: kind } of CORRUPTIONS) {
    const found = (await answers(ask, few, { kind, severity: WORST })).map((answer) => judged(answer, calibration));
    spoilt[kind] = besides(fewOrdinary, found);
  }
  const result = {
    files: rest.map(({ file }) => file),
    // What the columns are made of, so that pictures can be resampled.
    answers: ordinary.map(({ label, predicted, probabilities, alpha, risk, uncertainty, decision, votes }) => ({
      ...{ label, predicted, decision, votes },
      probabilities: probabilities.map((p) => Number(p.toPrecision(7))),
      risk: Number(risk.toPrecision(7)),
      uncertainty: Number(uncertainty.toPrecision(7)),
      vacuity: Number((alpha.length / sum(alpha)).toPrecision(7)),
      ambiguity: Number(scoreOf('expectedEntropy', ordinaryAnswer(alpha, probabilities)).toPrecision(7)),
    })),
    temperature: calibration.scaling.temperature,
    milliseconds,
    spoilt,
    outliers: values.outliers ? await outliers(ask, calibration, ordinary) : null,
    people: values.people ? await people(ask, calibration, validation.classes) : null,
    decisions: shares(ordinary),
  };
  writeFileSync(keptIn, `${JSON.stringify(result)}\n`);
  console.error(`${keptIn}: accuracy ${percent(shareOf(ordinary, ({ label, predicted }) => label === predicted))}`);
  return result;
}

/** What networks say of pictures: of several the logarithm of their probabilities' mean. */
async function answers({ models, config, layers }, samples, corruption) {
  const said = await inOrder(models, async (model) => {
    const data = { ...config.data, centerCrop: true };
    const loader = createLoader(samples, { ...config, data }, model.preprocessing, 'test');
    try {
      const { precision, device } = config;
      const options = { samples, epoch: 0, precision, device, keptLayers: layers };
      return (await evaluate(model, loader.epoch(0, 0, corruption ? { corruption } : {}), options)).predictions;
    } finally {
      await loader.close();
    }
  });
  return said[0].map((answer, i) => {
    const { label, logits, alpha, features, votes } = answer;
    const known = { label, features, votes: votes?.slice(0, logits.length), allVotes: votes };
    if (said.length === 1) return { ...known, logits, evidence: alpha ? alpha.map((a) => a - 1) : null };
    const mean = logits.map((_, c) => sum(said.map((each) => each[i].probabilities[c])) / said.length);
    return { ...known, logits: mean.map((p) => Math.log(Math.max(p, 1e-30))), evidence: null };
  });
}

function judged(raw, calibration) {
  const { logits, alpha, ...answer } = calibratedAnswer(raw, calibration);
  const predicted = logits.indexOf(Math.max(...logits));
  return { ...answer, logits, alpha: alpha ?? undefined, label: raw.label, predicted, votes: raw.allVotes };
}

/** How well ignorance and vacuity tell pictures from ordinary ones, and what is decided of them. */
function besides(ordinary, others) {
  const found = detectOutliers(ordinary, others);
  return {
    ignorance: found.ignorance.auroc,
    vacuity: found.vacuity.auroc,
    topProbability: found.topProbability.auroc,
    accuracy: shareOf(others, ({ label, predicted }) => label === predicted),
    rejected: shareOf(others, ({ decision }) => decision === 'reject'),
    pictures: others.length,
  };
}

/** Of each folder in the folder of other pictures. */
async function outliers(ask, calibration, ordinary) {
  const samples = outlierPictures(values.outliers);
  const found = (await answers(ask, samples)).map((answer) => judged(answer, calibration));
  const kinds = [...new Set(samples.map(({ file }) => file.split('/')[0]))];
  return Object.fromEntries(
    kinds.map((kind) => {
      const own = found.filter((_, i) => samples[i].file.split('/')[0] === kind);
      return [kind, besides(ordinary, own)];
    }),
  );
}

async function people(ask, calibration, classes) {
  const dataset = loadDataset({ name: 'folder', dataPath: values.people, parts: 'test', votes: 'majority' });
  const samples = dataset.test.map((sample) => ({ ...sample, label: classes.indexOf(dataset.classes[sample.label]) }));
  const found = (await answers(ask, samples)).map((answer) => judged(answer, calibration));
  const { accuracy, meanClassAccuracy, expectedCalibrationError } = metricFigures(scoredSets(found, classes.length)());
  const wrong = found.map(({ label, predicted }) => label !== predicted);
  const errorAuroc = auroc(countLevels(ranksOf(found.map(({ risk }) => risk)), wrong));
  return {
    pictures: found.length,
    accuracy,
    meanClassAccuracy,
    expectedCalibrationError,
    errorAuroc,
    decisions: shares(found),
  };
}

/** Of each decision its share, and how much of it is right. */
function shares(found) {
  return Object.fromEntries(
    ['report', 'ambiguous', 'reject'].map((decision) => {
      const own = found.filter((answer) => answer.decision === decision);
      return [
        decision,
        { share: own.length / found.length, right: shareOf(own, ({ label, predicted }) => label === predicted) },
      ];
    }),
  );
}

/** The means of the seeds, and for each column how far a row is from the best one. */
function compared(all) {
  const figures = all.map(({ measured: seeds }) => seeds.map((seed) => columnFigures(seed.answers)));
  const means = figures.map((seeds) => meanOfRecords(seeds.map((of) => of())));
  const best = Object.fromEntries(
    COLUMNS.map(([name, , better]) => {
      const signed = means.map((row) => (better === 'higher' ? row[name] : -row[name]));
      return [name, signed.indexOf(Math.max(...signed))];
    }),
  );
  const samples = all[0].measured[0].answers.length;
  const differences = (drawn) => {
    const rowMeans = figures.map((seeds) => meanOfRecords(seeds.map((of) => of(drawn))));
    return Object.fromEntries(
      rowMeans.flatMap((row, r) => COLUMNS.map(([name]) => [`${r} ${name}`, row[name] - rowMeans[best[name]][name]])),
    );
  };
  const intervals = bootstrap(differences, { samples, resamples: Number(values.bootstrap), seed: SEED });
  return {
    pictures: samples,
    seeds: ablation.seeds,
    columns: COLUMNS.map(([name, title, better]) => ({ name, title, better })),
    rows: all.map(({ name, passes, measured: seeds }, r) => ({
      name,
      passes,
      seeds: figures[r].map((of) => of()),
      means: means[r],
      toTheBest: Object.fromEntries(COLUMNS.map(([column]) => [column, intervals[`${r} ${column}`]])),
      isBest: Object.fromEntries(COLUMNS.map(([column]) => [column, best[column] === r])),
      spoilt: meanOfRecords(seeds.map((seed) => seed.spoilt)),
      outliers: seeds[0].outliers && meanOfRecords(seeds.map((seed) => seed.outliers)),
      people: seeds[0].people && meanOfRecords(seeds.map((seed) => seed.people)),
      decisions: meanOfRecords(seeds.map((seed) => seed.decisions)),
      temperature: sum(seeds.map((seed) => seed.temperature)) / seeds.length,
      milliseconds: Math.min(...seeds.map((seed) => seed.milliseconds)),
    })),
  };
}

/** The columns of the pictures that are drawn, all of them when nothing is said. */
function columnFigures(found) {
  const classes = found[0].probabilities.length;
  const sets = scoredSets(found, classes);
  const wrong = found.map(({ label, predicted }) => label !== predicted);
  const ranks = (name) => ranksOf(found.map((answer) => answer[name]));
  const [risk, vacuity, ambiguity] = ['risk', 'vacuity', 'ambiguity'].map(ranks);
  const disagreement = ranksOf(found.map(({ votes }) => votesEntropy(countVotes(votes, classes, RAW_VOTES))));
  return (drawn) => {
    const positions = drawn ?? Int32Array.from(found.keys());
    const levels = countLevels(risk, wrong, drawn);
    const { accuracy, meanClassAccuracy, negativeLogLikelihood, expectedCalibrationError } = metricFigures(sets(drawn));
    return {
      ...{ accuracy, meanClassAccuracy, negativeLogLikelihood, expectedCalibrationError },
      errorAuroc: auroc(levels),
      aurc: areaUnderRiskCoverage(levels),
      augrc: areaUnderGeneralizedRiskCoverage(levels),
      vacuityAuroc: auroc(countLevels(vacuity, wrong, drawn)),
      ambiguitySpearman: rankCorrelation(midranks(ambiguity, positions), midranks(disagreement, positions)),
    };
  };
}

function text({ pictures, rows: all }) {
  const mark = (row, name, format) => {
    const shown = format(row.means[name]);
    if (row.isBest[name]) return `**${shown}**`;
    const interval = row.toTheBest[name];
    return interval && interval[0] <= 0 && interval[1] >= 0 ? `${shown} =` : shown;
  };
  const line = (cells) => `| ${cells.join(' | ')} |`;
  const head = (titles) => [line(titles), line(titles.map((_, i) => (i === 0 ? '---' : '---:')))];
  const main = [
    ...head(['row', 'passes', ...COLUMNS.map(([, title]) => title)]),
    ...all.map((row) => line([row.name, row.passes, ...COLUMNS.map(([name, , , format]) => mark(row, name, format))])),
  ];
  const kinds = Object.keys(all[0].spoilt);
  const spoilt = [
    ...head(['row', 'mean', 'worst', ...kinds.map((kind) => CORRUPTIONS.find(({ name }) => name === kind).title)]),
    ...all.map((row) => {
      const own = kinds.map((kind) => row.spoilt[kind].ignorance);
      return line([row.name, decimal(sum(own) / own.length), decimal(Math.min(...own)), ...own.map(decimal)]);
    }),
  ];
  const decided = [
    ...head(['row', 'reported', 'wrong of these', 'ambiguous', 'right of these', 'rejected', 'spoilt ones rejected']),
    ...all.map((row) => {
      const { report, ambiguous, reject } = row.decisions;
      const rejected = sum(kinds.map((kind) => row.spoilt[kind].rejected)) / kinds.length;
      const cells = [report.share, 1 - report.right, ambiguous.share, ambiguous.right, reject.share, rejected];
      return line([row.name, ...cells.map(percent)]);
    }),
  ];
  const others = all[0].outliers
    ? [
        '',
        'Other pictures told from these by ignorance (AUROC), and the share that is rejected:',
        '',
        ...head(['row', ...Object.keys(all[0].outliers)]),
        ...all.map((row) =>
          line([
            row.name,
            ...Object.values(row.outliers).map(({ ignorance, rejected }) => `${decimal(ignorance)}, ${percent(rejected)}%`),
          ]),
        ),
      ]
    : [];
  const strangers = all[0].people
    ? [
        '',
        `People never seen (${all[0].people.pictures} pictures), nothing fitted to them:`,
        '',
        ...head(['row', 'accuracy', 'mean class', 'ECE', 'errors found by the risk', 'reported', 'wrong of these']),
        ...all.map(({ name, people: own }) =>
          line([
            name,
            percent(own.accuracy),
            percent(own.meanClassAccuracy),
            decimal(own.expectedCalibrationError),
            decimal(own.errorAuroc),
            percent(own.decisions.report.share),
            percent(1 - own.decisions.report.right),
          ]),
        ),
      ]
    : [];
  return `${[
    `Of ${pictures} pictures, the half that nothing was fitted to; means of the seeds. Bold: the best of a column; "=": the 95% interval of the`,
    'difference to it, resampled by pictures, holds 0.',
    '',
    ...main,
    '',
    `Pictures at the largest severity told from the same ones as they are by ignorance (AUROC):`,
    '',
    ...spoilt,
    '',
    'Decisions at the fitted thresholds (8% risk, 5% rejected), in percent:',
    '',
    ...decided,
    ...others,
    ...strangers,
  ].join('\n')}\n`;
}

function ordinaryAnswer(alpha, probabilities) {
  return { alpha, probabilities, logits: probabilities.map((p) => Math.log(Math.max(p, 1e-30))) };
}

function scoreOf(name, answer) {
  return scoreColumns([answer]).get(name)[0];
}

/** Number by number; null where one is null. */
function meanOfRecords(records) {
  return Object.fromEntries(
    Object.entries(records[0]).map(([name, value]) => {
      const own = records.map((record) => record[name]);
      if (value !== null && typeof value === 'object') return [name, meanOfRecords(own)];
      return [name, own.includes(null) ? null : sum(own) / own.length];
    }),
  );
}

function shareOf(items, is) {
  return items.length === 0 ? null : items.filter(is).length / items.length;
}

function sum(numbers) {
  return numbers.reduce((total, number) => total + number, 0);
}

function percent(value) {
  return value === null ? '-' : (100 * value).toFixed(1);
}

function decimal(value) {
  return value === null ? '-' : value.toFixed(3);
}

function fine(value) {
  return value === null ? '-' : value.toFixed(4);
}
