import { basename, extname, join, resolve } from 'node:path';
import type { Command } from 'commander';
import { summarize } from '../experiments/ablation.js';
import { readAblation } from '../experiments/ablationFile.js';
import { runCells } from '../experiments/runCells.js';
import { ablationMarkdown, ablationText } from '../experiments/tables.js';
import { writeFileAtomically } from '../files.js';
import { createProgress } from '../progress.js';
import { shellWord } from '../shown.js';
import { cellProgress } from './cellProgress.js';
import { notes, printJson, printText, type Verbosity } from './output.js';
import { workOnUnread } from './reader.js';
import { wholeNumberOption } from './wholeNumberOption.js';

interface AblateOptions extends Verbosity {
  out?: string;
  bootstrap: number;
}

export function addAblate(command: Command): void {
  command
    .argument('<file>', 'what all trainings share, the rows that differ, and the seeds (YAML)')
    .option('--out <path>', 'the folder of all trainings (runs/<name of the file>)')
    .addOption(
      wholeNumberOption(
        '--bootstrap <n>',
        "resamples of the pictures that give each row's differences a 95% interval; 0 for none",
        1000,
      ),
    )
    .option('--quiet', 'print nothing but errors and the result')
    .option('--json', 'print the result as one line of JSON')
    .addHelpText(
      'after',
      `
The file:
  base: { recipe: released, dataset: rafdb, dataPath: data/RAF-DB }
  seeds: [1, 2, 3]
  rows:
    - name: released
    - name: cross-entropy
      loss: { lossFunction: ce }

Settings are those of a configuration file: the recipe's, over them those of base, over both the row's. A row with "calibrate: true" is calibrated
before it is evaluated, as by \`uafer calibrate\`. "weights: last" beside rows and seeds evaluates the weights of each training's end in place of its
best ones.

Each training is one of \`uafer train\` in a run folder of its own, <out>/<row>/seed-<seed>. The same command goes on where it was stopped, and
tries again what failed; what is finished stays. ablation.json and ablation.md tell of every row mean and deviation over the seeds and its differences
to the first row, paired by seed.

Example:
  uafer ablate losses.yaml --out runs/losses`,
    )
    .action((file: string, options: AblateOptions) => ablateCommand(file, options));
}

async function ablateCommand(file: string, options: AblateOptions): Promise<void> {
  const note = notes(options);
  const name = basename(file, extname(file));
  const out = resolve(options.out ?? join('runs', name));
  const ablation = readAblation(file, out, note);
  workOnUnread();
  const cells = ablation.rows.flatMap((row) => row.cells);
  const progress = cellProgress(cells, options);
  const outcomes = await runCells(cells, progress).finally(progress.close);
  if (progress.stopSignal.aborted) {
    note(`Stopped. Go on with: uafer ablate ${shellWord(file)} --out ${shellWord(out)}`);
    process.exitCode = 130;
    return;
  }
  const { bootstrap: resamples, quiet = false } = options;
  const total = resamples * (ablation.rows.length - 1);
  const resampling = total > 0 ? createProgress({ label: 'resampling', total, unit: 'resamples', quiet }) : null;
  const result = summarize(ablation, outcomes, { out, resamples, onResample: (done) => resampling?.update(done) });
  resampling?.stop();
  if (options.json) printJson(result);
  else printText(ablationText(result));
  writeFileAtomically(join(out, 'ablation.json'), `${JSON.stringify(result, null, 2)}\n`);
  writeFileAtomically(join(out, 'ablation.md'), ablationMarkdown(result, name));
  note(`Wrote ${join(out, 'ablation.json')} and ablation.md beside it.`);
  if (outcomes.some(({ state }) => state !== 'finished')) process.exitCode = 1;
}
