import { basename, join, resolve } from 'node:path';
import { type Command, Option } from 'commander';
import { resolveConfig } from '../config/resolve.js';
import type { TrainConfig } from '../config/schema.js';
import { counted } from '../counted.js';
import { UaferError } from '../errors.js';
import type { CellWeights } from '../experiments/cell.js';
import { keepFolds, planFolds, summarizeFolds } from '../experiments/crossValidation.js';
import { runCells } from '../experiments/runCells.js';
import { crossValidationMarkdown, crossValidationText } from '../experiments/tables.js';
import { writeFileAtomically } from '../files.js';
import { shellWord } from '../shown.js';
import { cellProgress } from './cellProgress.js';
import {
  addConfigOptions,
  addOriginalOptions,
  checkClasses,
  configValues,
  type OptionValues,
  originalValues,
} from './configOptions.js';
import { notes, printJson, printText, type Verbosity } from './output.js';
import { workOnUnread } from './reader.js';

interface CrossvalOptions extends Verbosity {
  config?: string;
  recipe?: string;
  out?: string;
  weights: CellWeights;
  calibrate?: boolean;
}

/** As most papers on laboratory sets have them. */
const FOLDS = 10;

export function addCrossval(command: Command): void {
  command
    .option('--config <path>', 'settings in YAML over those of the recipe')
    .addOption(
      new Option('--weights <which>', 'the weights of each training that are evaluated: of its best epoch, or of its end')
        .choices(['best', 'last'])
        .default('best'),
    )
    .option('--calibrate', 'fit a calibration before each evaluation, as `uafer calibrate` does')
    .option('--quiet', 'print nothing but errors and the result')
    .option('--json', 'print the result as one line of JSON');
  command.option('--out <path>', 'the folder of all folds (runs/crossval-<dataset>-<recipe>)');
  addConfigOptions(command, (path) => path !== 'data.fold' && path !== 'out');
  addOriginalOptions(command);
  command
    .addHelpText(
      'after',
      `
Cuts the pictures of both parts into --folds (${FOLDS}) by people, or as --fold-list says, trains on all folds but one and tests on that one, each in turn, in
run folders <out>/fold-<n>. Who is seen comes from subjects.txt, or for folders from --subject-pattern. The same command goes on where it was
stopped, and tries again what failed. crossval.json and crossval.md hold each fold's figures, mean and deviation over the folds, and the figures of all
answers together.

Examples:
  uafer crossval --dataset rafdb --data-path data/ckplus --out runs/ckplus
  uafer crossval --dataset folder --data-path data/oulu --folds 5 --epochs 10 --out runs/oulu`,
    )
    .action((options: CrossvalOptions & OptionValues) => crossvalCommand(options));
}

async function crossvalCommand(options: CrossvalOptions & OptionValues): Promise<void> {
  const note = notes(options);
  const config = configuration(options, note);
  const { out } = config;
  const { weights, calibrate = false } = options;
  const plan = planFolds(config, { out, calibrate, weights });
  const { people, cells, source } = plan;
  keepFolds(out, people);
  note(`${counted(people.flat().length, 'person', 'people')} in ${counted(people.length, 'fold')} (${source}).`);
  workOnUnread();
  const progress = cellProgress(cells, options);
  const outcomes = await runCells(cells, progress).finally(progress.close);
  if (progress.stopSignal.aborted) {
    note(`Stopped: the same command goes on, in ${shellWord(out)}.`);
    process.exitCode = 130;
    return;
  }
  const result = summarizeFolds(plan, outcomes, { out, calibrate, weights });
  if (options.json) printJson(result);
  else printText(crossValidationText(result));
  writeFileAtomically(join(out, 'crossval.json'), `${JSON.stringify(result, null, 2)}\n`);
  writeFileAtomically(join(out, 'crossval.md'), crossValidationMarkdown(result, basename(out)));
  note(`Wrote ${join(out, 'crossval.json')} and crossval.md beside it.`);
  if (outcomes.some(({ state }) => state !== 'finished')) process.exitCode = 1;
}

function configuration(options: CrossvalOptions & OptionValues, onNote: (line: string) => void): TrainConfig {
  const values = { ...originalValues(options, onNote), ...configValues(options) };
  const config = resolveConfig({ recipe: options.recipe, configFile: options.config, options: values, onNote });
  checkClasses(options, config.dataset);
  const { fold, folds, foldList } = config.data;
  if (fold !== undefined)
    throw new UaferError('USAGE', `data.fold: every fold is trained. Take the line out of ${options.config ?? config.recipe}.`);
  // A name without the time, so that the same command finds its folder again.
  const name = `crossval-${config.dataset}-${basename(config.recipe).replace(/\.ya?ml$/, '')}`;
  const cut = folds === undefined && foldList === undefined ? { folds: FOLDS } : {};
  return { ...config, out: resolve(options.out ?? join('runs', name)), data: { ...config.data, ...cut } };
}
