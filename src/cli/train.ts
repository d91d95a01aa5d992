import { type Command, Option } from 'commander';
import { resolveConfig } from '../config/resolve.js';
import type { TrainConfig } from '../config/schema.js';
import { counted } from '../counted.js';
import { UaferError } from '../errors.js';
import { headline, percent } from '../report/metricsText.js';
import type { TrainResult } from '../run/messages.js';
import { findRun, runFolder } from '../run/runFolder.js';
import { shellWord } from '../shown.js';
import { launchedBy } from '../train/launched.js';
import { endWithStarter, startProcesses } from '../train/startProcesses.js';
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
import { wholeNumberOption } from './wholeNumberOption.js';

interface TrainOptions extends Verbosity {
  config?: string;
  /** The run, or true for the last one. */
  resume?: string | true;
  out?: string;
  recipe?: string;
  nproc: number;
  processTimeout: number;
}

export function addTrain(train: Command): void {
  train
    .option('--config <path>', 'settings in YAML over those of the recipe, e.g. the config.yaml of another run')
    .addOption(
      new Option('--resume [run]', 'go on with a run: a run folder, or else the last run in --out or runs/').conflicts(
        'config',
      ),
    )
    .addOption(wholeNumberOption('--nproc <n>', 'processes on this machine that train together, and share each batch', 1))
    .addOption(
      wholeNumberOption(
        '--process-timeout <seconds>',
        'of several processes one that does not come or answer for so long is lost',
        600,
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
  uafer train --nproc 4 --dataset rafdb --data-path /data/RAFDB/basic --clip-path ViT-B-16.pt
  torchrun --no-python --nproc-per-node 8 uafer train --dataset rafdb --data-path /data/RAFDB/basic
  uafer train --resume

Several processes, on one machine (--nproc) or many (torchrun, srun, Kubeflow; see docs/scaling.md), train what one would: --batch-size is that of
all together. Rank 0 writes the run and tells of it.`,
    )
    .action((options: TrainOptions & OptionValues) => trainCommand(options));
}

async function trainCommand(given: TrainOptions & OptionValues): Promise<void> {
  for (const name of ['nproc', 'processTimeout'] as const) {
    if (given[name] < 1)
      throw new UaferError(
        'USAGE',
        `--${name === 'nproc' ? name : 'process-timeout'}: expected a whole number of at least 1, got 0.`,
      );
  }
  const launch = launchedBy(process.env, given.processTimeout);
  if (given.nproc > 1) return startAll(given.nproc, launch !== null);
  endWithStarter();
  // One process tells of the run.
  const options = launch !== null && launch.rank > 0 ? { ...given, quiet: true, json: false } : given;
  const note = notes(options);
  const config = configuration(options, note);
  workOnUnread();
  const stopSignal = abortOnInterrupt(() => note('Stopping after this step, with a checkpoint. Ctrl-C again stops at once.'));
  const progress = trainingProgress(options);
  const resume = options.resume !== undefined;
  const result = await runTraining(config, { resume, launch, onEvent: progress.show, stopSignal }).finally(progress.close);
  if (options.json) printJson(result);
  for (const line of summary(result)) note(line);
  if (result.ending === 'stopped') process.exitCode = 130;
}

/** Starts the processes, each with the arguments of this one, and ends as they do. */
async function startAll(size: number, isStarted: boolean): Promise<void> {
  if (isStarted) {
    throw new UaferError(
      'USAGE',
      '--nproc starts processes on one machine, and this one was itself started as one of several (by torchrun, srun or the like). Leave --nproc out.',
    );
  }
  workOnUnread();
  process.exitCode = await startProcesses(process.argv[1] as string, withoutNproc(process.argv.slice(2)), size);
}

/** The arguments but `--nproc N` and `--nproc=N`. */
function withoutNproc(args: readonly string[]): string[] {
  return args.filter((arg, i) => !/^--nproc(=|$)/.test(arg) && args[i - 1] !== '--nproc');
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
