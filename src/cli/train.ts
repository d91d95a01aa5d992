import { type Command, Option } from 'commander';
import { resolveConfig } from '../config/resolve.js';
import type { TrainConfig } from '../config/schema.js';
import { counted } from '../counted.js';
import { headline, percent } from '../report/metricsText.js';
import type { TrainResult } from '../run/messages.js';
import { findRun, runFolder } from '../run/runFolder.js';
import { shellWord } from '../shown.js';
import { runTraining } from '../train/trainingHost.js';
import {
  addConfigOptions,
  addOriginalOptions,
  checkClasses,
  configValues,
  type OptionValues,
  originalValues,
} from './configOptions.js';
import { abortOnInterrupt } from './interrupt.js';
import { notes, printJson, type Verbosity } from './output.js';
import { workOnUnread } from './reader.js';
import { trainingProgress } from './trainingProgress.js';

interface TrainOptions extends Verbosity {
  config?: string;
  /** The run, or true for the last one. */
  resume?: string | true;
  out?: string;
  recipe?: string;
}

export function addTrain(train: Command): void {
  train
    .option('--config <path>', 'settings in YAML over those of the recipe, e.g. the config.yaml of another run')
    .addOption(
      new Option('--resume [run]', 'go on with a run: a run folder, or else the last run in --out or runs/').conflicts(
        'config',
      ),
    )
    .option('--quiet', 'print nothing but errors')
    .option('--json', 'print the result as one line of JSON');
  addConfigOptions(train);
  addOriginalOptions(train);
  train
    .addHelpText(
      'after',
      `
Settings come from --recipe, then --config, then the options. Underscores and hyphens are alike, and the options of the original
train.py work by their own names (--fix_layer, --lamda_kd, ...).

Epochs are counted from 1 on the screen and in report.html, from 0 in log.jsonl, metrics.json and with --json, as the original counts them.
The training loss is loss_cls (of which loss_var is the variance's part) with loss_kd, the distillation from the frozen CLIP, times --lambda-kd,
and what else the loss has. The test loss is the original's, without distillation: the two are not to be compared.

A run ends with a checkpoint on Ctrl-C, SIGTERM and when its terminal goes (SIGHUP). One process trains a run at a time: lock.json says which.

Examples:
  uafer train --dataset rafdb --data-path /data/RAFDB/basic --clip-path ViT-B-16.pt
  uafer train --dataset affectnet --data-path /data/AffectNet --batch-size 64 --accumulate 4 --out runs/affectnet
  uafer train --resume`,
    )
    .action((options: TrainOptions & OptionValues) => trainCommand(options));
}

async function trainCommand(options: TrainOptions & OptionValues): Promise<void> {
  const note = notes(options);
  const config = configuration(options, note);
  workOnUnread();
  const stopSignal = abortOnInterrupt(() => note('Stopping after this step, with a checkpoint. Ctrl-C again stops at once.'));
  const progress = trainingProgress(options);
  const resume = options.resume !== undefined;
  const result = await runTraining(config, { resume, onEvent: progress.show, stopSignal }).finally(progress.close);
  if (options.json) printJson(result);
  for (const line of summary(result)) note(line);
  if (result.ending === 'stopped') process.exitCode = 130;
}

function configuration(options: TrainOptions & OptionValues, onNote: (line: string) => void): TrainConfig {
  const values = { ...originalValues(options, onNote), ...configValues(options) };
  const run = options.resume === undefined ? null : findRun(options.resume === true ? options.out : options.resume);
  if (run) onNote(`Going on with ${run}.`);
  const configFile = run ? runFolder(run).config : options.config;
  const config = resolveConfig({
    recipe: options.recipe,
    configFile,
    options: run ? { ...values, out: run } : values,
    onNote,
  });
  checkClasses(options, config.dataset);
  return config;
}

function summary({ ending, runFolder: run, best, metrics, steps }: TrainResult): string[] {
  const endings: Record<TrainResult['ending'], string> = {
    finished: 'Finished',
    patience: 'No better for --patience epochs: ended',
    maxSteps: 'Reached --max-steps',
    maxMinutes: 'Reached --max-minutes',
    stopped: 'Stopped',
  };
  const lines = [`${endings[ending]} after ${counted(steps, 'step')}.`];
  if (metrics) lines.push(headline(metrics));
  if (best) lines.push(`best ${best.metric} ${percent(best.value)} in epoch ${best.epoch + 1}: ${runFolder(run).best}`);
  lines.push(`run folder: ${run}`);
  const limit = { maxSteps: ' --max-steps N', maxMinutes: ' --max-minutes N', stopped: '', finished: null, patience: null }[
    ending
  ];
  if (limit !== null) lines.push(`Go on with: uafer train --resume ${shellWord(run)}${limit}`);
  return lines;
}
