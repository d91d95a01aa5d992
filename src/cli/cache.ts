import type { Command } from 'commander';
import { resolveConfig } from '../config/resolve.js';
import { counted } from '../counted.js';
import { bytesKept, ENDINGS, parseKeptSize } from '../data/keptPictures.js';
import { UaferError } from '../errors.js';
import { keptPicturesFolder } from '../paths.js';
import { createProgress } from '../progress.js';
import { shown } from '../shown.js';
import { prepareEngine } from '../task/prepareEngine.js';
import { createTask } from '../tasks/createTask.js';
import { keepAhead } from '../train/keepAhead.js';
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

interface CacheOptions extends Verbosity {
  config?: string;
  recipe?: string;
}

export function addCache(cache: Command): void {
  cache
    .option('--config <path>', 'settings in YAML over those of the recipe, e.g. the config.yaml of a run')
    .option('--quiet', 'print nothing but errors')
    .option('--json', 'print the result as one line of JSON');
  addConfigOptions(cache);
  addOriginalOptions(cache);
  cache
    .addHelpText(
      'after',
      `
Takes the options of \`uafer train\`, so that the command of a run does with another word. Decodes and resizes all pictures, and computes what
the frozen CLIP says of those of training where the augmentation has few variants of each (RAF-DB's: as it is, and mirrored), and keeps both
in UAFER_PICTURES, by default ~/.cache/uafer/pictures, for all runs that have the same pictures, weights, precision and --threads. Training
does so by itself in its first epochs. What is there already is only looked for: after Ctrl-C the same command goes on. The folder may be
deleted whenever nothing runs.

Example:
  uafer cache --dataset rafdb --data-path /data/RAFDB/basic --clip-path ViT-B-16.pt`,
    )
    .action((options: CacheOptions & OptionValues) => cacheCommand(options));
}

async function cacheCommand(options: CacheOptions & OptionValues): Promise<void> {
  const note = notes(options);
  const values = { ...originalValues(options, note), ...configValues(options) };
  const { recipe, config: configFile } = options;
  const config = prepareEngine(resolveConfig({ recipe, configFile, options: values, onNote: note }));
  checkClasses(options, config.dataset);
  if (parseKeptSize(config.data.cachePictures) === 0)
    throw new UaferError('USAGE', '--cache-pictures off keeps nothing: name a size, such as 8GB, or leave it out.');
  const stopSignal = abortOnInterrupt(() => note('Stopping after this batch. Ctrl-C again stops at once.'));
  const task = createTask(config);
  const { keeping = [], dataset } = task;
  if (keeping.length === 0)
    note('What the teacher says of the pictures is not kept: in such a run it would not come again often enough.');
  const total = dataset.train.length + dataset.test.length;
  const progress = createProgress({ label: 'keeping', total, unit: 'pictures', quiet: options.quiet ?? false });
  const result = await keepAhead(task, config, {
    onProgress: (done) => progress.update(done),
    shouldStop: () => stopSignal.aborted,
  }).finally(() => progress.stop());
  for (const reason of result.unreadable.values()) note(`Left out: ${reason}`);
  for (const text of result.notes) note(text);
  const folder = keptPicturesFolder();
  const { finished, pictures } = result;
  const kept = keeping.map(({ what, file, count }) => ({ what, file, ...count() }));
  const bytes = bytesKept(folder, ENDINGS);
  if (options.json) printJson({ folder, pictures, kept, bytes, finished });
  const all = [counted(pictures, 'picture'), ...kept.map(({ what, there }) => `${there} ${what}`)];
  note(`${all.join(' and ')} are in ${shown(folder)}, which takes ${(bytes / 1e6).toFixed(0)} MB.`);
  if (!finished) note('Stopped. The same command goes on.');
  if (result.full) process.exitCode = 1;
  if (!finished) process.exitCode = 130;
}
