/**
 * Measures an exported model on pictures that were neither trained on nor fitted to, and writes the figures of its card: the half of FER+'s
 * validation pictures that `uafer calibrate` left out, and the kept-back people of the open faces.
 *
 *   node scripts/default-card.js MODEL FERPLUS FACES WORK OUT.md
 *
 * FACES is what `scripts/faces-by-person.js` makes; WORK keeps the evaluations (`uafer eval` with every corruption on FER+; ten minutes), and one that
 * is there is not made again.
 */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { resolveConfig } from '#uafer/config/resolve.js';
import { loadValidation } from '#uafer/data/validation.js';
import { CALIBRATION_DEFAULTS, splitValidation } from '#uafer/evaluate/calibrateCheckpoint.js';
import { auroc } from '#uafer/metrics/detection.js';
import { levelsOf } from '#uafer/metrics/levels.js';

const [model, ferplus, faces, work, out] = process.argv.slice(2);
if (!out) {
  console.error('usage: node scripts/default-card.js MODEL FERPLUS FACES WORK OUT.md');
  process.exit(2);
}
const MAIN = fileURLToPath(new URL('../dist/cli/main.js', import.meta.url));
const FEW = 10;
/** Shown in the card at each severity: what shrinks a face. */
const SMALL = 'lowResolution';

mkdirSync(work, { recursive: true });
const left = join(work, 'left.txt');
writeFileSync(left, `${unfitted().join('\n')}\n`);
const sets = [
  {
    title: 'FER+',
    long: 'the other half of FER+ validation',
    ...evaluated('ferplus', ['--dataset', 'ferplus', '--data-path', ferplus, '--subset', left, '--corruptions']),
  },
  {
    title: 'people',
    long: 'kept-back people of the open faces',
    ...evaluated('people', ['--dataset', 'folder', '--data-path', faces, '--corruptions', SMALL]),
  },
];
writeFileSync(out, `${[figures(), recalls(), decisions(), brightness(), sizes(), corruptions()].join('\n\n')}\n`);
console.log(`${out}`);

/** Names of the validation pictures that nothing was fitted to. */
function unfitted() {
  const { data } = resolveConfig({ recipe: 'small-clip', options: { dataset: 'ferplus', dataPath: ferplus } });
  const { samples } = loadValidation({ name: 'ferplus', dataPath: ferplus, ...data });
  return splitValidation(samples, CALIBRATION_DEFAULTS.share).rest.map(({ file }) => file);
}

/** Answers, figures, and those of spoilt pictures. */
function evaluated(name, args) {
  const folder = join(work, name);
  const predictions = join(folder, 'predictions.json');
  if (!existsSync(join(folder, 'corruptions.json'))) {
    mkdirSync(folder, { recursive: true });
    const all = ['eval', '--checkpoint', model, ...args, '--predictions', predictions, '--robustness-to', folder];
    execFileSync(process.execPath, [MAIN, ...all], { stdio: ['ignore', 'ignore', 'inherit'] });
  }
  const read = (file) => JSON.parse(readFileSync(join(folder, file), 'utf8'));
  const { classes, rows } = read('predictions.json');
  return { classes, rows, metrics: read('metrics.json'), spoilt: read('corruptions.json') };
}

function figures() {
  return table(
    ['pictures', 'number', 'accuracy', 'mean class accuracy', 'expected calibration error', 'errors found by the risk (AUROC)'],
    sets.map(({ long, rows, metrics }) => [
      long,
      thousands(rows.length),
      percent(metrics.accuracy, 2),
      percent(metrics.meanClassAccuracy, 2),
      fixed(metrics.expectedCalibrationError),
      fixed(errorAuroc(rows)),
    ]),
  );
}

function errorAuroc(rows) {
  const wrong = rows.map((row) => !isRight(row));
  return auroc(
    levelsOf(
      rows.map(({ risk }) => risk),
      wrong,
    ),
  );
}

function recalls() {
  const { classes } = sets[0];
  return table(
    ['recall (pictures)', ...classes],
    sets.map(({ title, metrics }) => [
      title,
      ...metrics.perClass.map(({ recall, samples }) =>
        samples < FEW ? `${Math.round((recall ?? 0) * samples)} of ${samples}` : `${percent(recall)} (${thousands(samples)})`,
      ),
    ]),
  );
}

function decisions() {
  return table(
    ['decision', ...sets.map(({ title }) => `${title}: share, right`)],
    ['report', 'ambiguous', 'reject'].map((decision) => [
      decision,
      ...sets.map(({ rows }) => {
        const those = rows.filter((row) => row.decision === decision);
        return `${percent(those.length / rows.length)}, ${those.length < FEW ? `${those.filter(isRight).length} of ${those.length}` : percent(rightShare(those))}`;
      }),
    ]),
  );
}

/** By thirds of the mean luminance of the face. */
function brightness() {
  const thirds = sets.map(({ rows }) => {
    const sorted = rows.toSorted((a, b) => a.picture.luminance - b.picture.luminance);
    const cut = (part) => Math.round((part * sorted.length) / 3);
    return [0, 1, 2].map((part) => sorted.slice(cut(part), cut(part + 1)));
  });
  const edge = (part, at) => thirds.map((set) => set[part].at(at).picture.luminance.toFixed(2)).join('; ');
  const titles = [`darkest third (to ${edge(0, -1)})`, 'middle third', `brightest third (from ${edge(2, 0)})`];
  return table(
    [
      'mean luminance of the face, in shares of white',
      ...sets.flatMap(({ title }) => [`${title}: right`, 'reported, right of these']),
    ],
    titles.map((title, part) => [
      title,
      ...thirds.flatMap((set) => {
        const reported = set[part].filter(({ decision }) => decision === 'report');
        return [
          percent(rightShare(set[part]), 1),
          `${percent(reported.length / set[part].length)}, ${percent(rightShare(reported))}`,
        ];
      }),
    ]),
  );
}

function sizes() {
  const [first] = sets;
  const levels = first.spoilt.filter(({ name }) => name === SMALL);
  const rows = sets.flatMap(({ title, metrics, spoilt }) => {
    const own = spoilt.filter(({ name }) => name === SMALL);
    return [
      [`${title}: right`, percent(metrics.accuracy), ...own.map((each) => percent(each.metrics.accuracy))],
      [`${title}: told from the picture as it is (AUROC)`, '', ...own.map((each) => each.outliers.ignorance.auroc.toFixed(2))],
    ];
  });
  return table(['pixels across the face', 'as it is', ...levels.map(({ strength }) => String(strength))], rows);
}

/** Of FER+, every kind at its largest severity, and where half of the way is. */
function corruptions() {
  const [{ spoilt }] = sets;
  const worst = spoilt.filter(({ severity }) => severity === 5);
  const middle = spoilt.filter(({ severity }) => severity === 3);
  const row = (title, accuracies, areas) => [title, ...accuracies.map((share) => percent(share)), ...areas.map(fixed)];
  const accuracy = ({ metrics }) => metrics.accuracy;
  const area = ({ outliers }) => outliers.ignorance.auroc;
  const mean = (levels, of) => levels.reduce((sum, each) => sum + of(each), 0) / levels.length;
  const rows = worst.map((each, kind) => row(each.title, [middle[kind], each].map(accuracy), [middle[kind], each].map(area)));
  const both = [middle, worst];
  rows.push(
    row(
      '**mean**',
      both.map((levels) => mean(levels, accuracy)),
      both.map((levels) => mean(levels, area)),
    ),
  );
  const told = 'told from the clean ones (AUROC)';
  return table(['FER+, spoilt', 'severity 3: right', 'severity 5: right', `severity 3: ${told}`, 'severity 5'], rows);
}

function isRight({ label, predicted }) {
  return label === predicted;
}

function rightShare(rows) {
  return rows.filter(isRight).length / rows.length;
}

function percent(share, digits = 0) {
  return `${(100 * share).toFixed(digits)}%`;
}

function fixed(value) {
  return value.toFixed(3).replace(/^0/, '');
}

function thousands(count) {
  return count.toLocaleString('en');
}

function table(head, rows) {
  return [head, head.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |`).join('\n');
}
