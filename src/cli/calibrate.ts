import { type Command, InvalidArgumentError, Option } from 'commander';
import { UaferError } from '../errors.js';
import {
  CALIBRATION_DEFAULTS,
  type CalibrationFigures,
  type CheckpointCalibration,
  calibrateCheckpoint,
} from '../evaluate/calibrateCheckpoint.js';
import { isExported } from '../export/evaluateExported.js';
import type { ConformalMethod } from '../metrics/conformal.js';
import { createProgress, type Progress } from '../progress.js';
import { figureRows, percent } from '../report/metricsText.js';
import { calibrationPath, writeCalibration } from '../run/calibrationFile.js';
import { textTable } from '../textTable.js';
import { checkpointConfig, runOf, SETTINGS_OF_A_MODEL, SETTINGS_OF_TEST_PICTURES } from './checkpointConfig.js';
import { addConfigOptions, configValues, type OptionValues } from './configOptions.js';
import { notes, printJson, printText, type Verbosity } from './output.js';

/** Enough for a covariance of a few hundred numbers. */
const TRAINING_PICTURES = 5000;

interface CalibrateCommandOptions extends Verbosity {
  to?: string;
  config?: string;
  recipe?: string;
  share: number;
  scaling: 'temperature' | 'vector';
  risk: number;
  rejected: number;
  sets?: ConformalMethod;
  coverage: number;
  riskHead?: boolean;
  /** True for the number that is taken when none is said. */
  density?: number | true;
}

export function addCalibrate(command: Command): void {
  command
    .argument('<checkpoint>', 'a run, its checkpoint, a fine-tuned .pth or .safetensors, or CLIP weights (zero-shot)')
    .option('--to <path>', 'the file to write; by default calibration.json in the run, which eval and export take from there')
    .addOption(
      shareOption(
        '--share <n>',
        'share of the validation pictures that is fitted to; figures are of the others',
        CALIBRATION_DEFAULTS.share,
      ),
    )
    .addOption(
      new Option('--scaling <name>', 'of the probabilities: one temperature, or a weight and a bias a class')
        .choices(['temperature', 'vector'])
        .default(CALIBRATION_DEFAULTS.scaling),
    )
    .addOption(
      shareOption('--risk <n>', 'largest share of errors among the answers that are reported', CALIBRATION_DEFAULTS.rates.risk),
    )
    .addOption(
      shareOption(
        '--rejected <n>',
        'largest share of validation pictures that are rejected',
        CALIBRATION_DEFAULTS.rates.rejected,
      ),
    )
    .addOption(
      new Option('--sets <name>', 'adds conformal sets: the classes among which the right one is').choices([
        'thr',
        'aps',
        'raps',
      ]),
    )
    .addOption(shareOption('--coverage <n>', 'share of the sets that hold the right class', 0.9))
    .option('--risk-head', 'decide by a logistic regression on all scores of an answer in place of its largest probability')
    .addOption(
      new Option(
        '--density [n]',
        `know n pictures of training (${TRAINING_PICTURES} when none is said): uncertainty grows with the distance from them`,
      ).argParser(pictureCount),
    )
    .option('--config <path>', "settings in YAML; the run's own when the checkpoint belongs to a run")
    .option('--quiet', 'print nothing but errors and the result')
    .option('--json', 'print the calibration and its figures as one line of JSON');
  addConfigOptions(
    command,
    (path) => SETTINGS_OF_A_MODEL.test(path) || SETTINGS_OF_TEST_PICTURES.test(path) || path === 'data.validShare',
  );
  command
    .addHelpText(
      'after',
      `
Fits, to validation pictures, how much evidence an answer stands for, the scaling of its probabilities, and the thresholds of its decision:
report, ambiguous (people would disagree) or reject (unlike the pictures that it learned from). Validation pictures are the owners' (FER+, or a
folder valid/), or the share of the training pictures that \`uafer train --valid-share 0.1\` kept out of training; never those of the test.

With --density it is kept too how the pictures of training look to the network, in a few hundred KB: a picture unlike them is answered with more
uncertainty, and rejected; uafer eval --scores shows how well that and other distances find errors and other pictures.

Examples:
  uafer calibrate runs/ferplus
  uafer calibrate runs/ferplus --density
  uafer calibrate runs/ferplus --risk 0.05 --sets raps --coverage 0.95
  uafer calibrate model.pth --clip-path ViT-B-16.pt --dataset folder --data-path faces --to model.calibration.json`,
    )
    .action((checkpoint: string, options: CalibrateCommandOptions & OptionValues) => calibrateCommand(checkpoint, options));
}

function pictureCount(text: string): number {
  const count = Number(text);
  if (/^\d+$/.test(text) && count >= 2) return count;
  throw new InvalidArgumentError('Expected a number of pictures, of at least 2.');
}

/** A number from 0 to 1. */
function shareOption(flags: string, description: string, byDefault: number): Option {
  const parse = (text: string) => {
    const value = Number(text);
    if (text.trim() !== '' && value >= 0 && value <= 1) return value;
    throw new InvalidArgumentError('Expected a number from 0 to 1.');
  };
  return new Option(flags, description).default(byDefault).argParser(parse);
}

async function calibrateCommand(checkpoint: string, options: CalibrateCommandOptions & OptionValues): Promise<void> {
  const note = notes(options);
  const to = target(checkpoint, options);
  const config = checkpointConfig(checkpoint, { ...options, values: configValues(options) }, note);
  const shown: Progress[] = [];
  const show = (label: string) => {
    let progress: Progress | undefined;
    return (done: number, total: number) => {
      if (!progress) {
        shown.pop()?.stop();
        progress = createProgress({ label, total, unit: 'batches', start: done, quiet: options.quiet ?? false });
        shown.push(progress);
      }
      progress.update(done);
    };
  };
  const { share, scaling, risk, rejected, sets, coverage, riskHead = false, density } = options;
  const result = await calibrateCheckpoint(checkpoint, config, {
    share,
    scaling,
    rates: { risk, rejected },
    conformal: sets ? { method: sets, coverage } : null,
    riskHead,
    density: density === true ? TRAINING_PICTURES : density,
    onNote: note,
    onTrainingBatch: show('training pictures'),
    onBatch: show('answering'),
  }).finally(() => shown.pop()?.stop());
  for (const reason of result.unreadable) note(`Left out: ${reason}`);
  const { calibration, figures } = result;
  if (options.json) printJson({ checkpoint: result.checkpoint, calibration, figures });
  else printText(describe(result).join('\n\n'));
  writeCalibration(to, result.checkpoint, { calibration, figures: figures && { ...figures } });
  note(`Wrote ${to}.`);
}

function target(checkpoint: string, { to }: CalibrateCommandOptions): string {
  if (isExported(checkpoint))
    throw new UaferError(
      'USAGE',
      `${checkpoint} is an exported model: calibrate the checkpoint that it was made from, and export it again.`,
    );
  const run = runOf(checkpoint);
  const path = to ?? (run ? calibrationPath(run) : undefined);
  if (path !== undefined) return path;
  throw new UaferError('USAGE', `${checkpoint} belongs to no run: say with --to where the calibration shall be written.`);
}

function describe({ calibration, figures }: CheckpointCalibration): string[] {
  const known = calibration.density ? ` It knows ${calibration.density.fittedOn}.` : '';
  const fitted = `Fitted to ${calibration.fittedOn}.${known}`;
  if (!figures) return [`${fitted} No pictures are left to try it on: --share 0.5 would leave half of them.`];
  const { before, after } = figures;
  const [rowsBefore, rowsAfter] = [before, after].map((metrics) => new Map(figureRows(metrics, { detail: true })));
  const shown = ([title, was]: [string, string]) => /accuracy/.test(title) || was !== rowsAfter?.get(title);
  const rows = [...(rowsBefore ?? [])].filter(shown);
  const cells = rows.map(([title, was]) => [title.replace('uncertainty', 'the risk'), was, rowsAfter?.get(title) ?? '']);
  return [
    `${fitted} Figures of the ${before.samples} others:`,
    textTable([['', 'before', 'after'], ...cells]),
    ...outcomes(figures),
  ];
}

function outcomes({ decisions, sets }: CalibrationFigures): string[] {
  const lines: string[] = [];
  if (decisions) {
    const parts = Object.entries(decisions).map(([name, { share, accuracy }]) => {
      const right = accuracy === null ? '' : ` (${percent(accuracy)} of them right)`;
      return `${name} ${percent(share)}${right}`;
    });
    lines.push(`Decisions: ${parts.join(', ')}.`);
  }
  if (sets)
    lines.push(`Sets hold the right class in ${percent(sets.coverage)}, of ${sets.meanSize.toFixed(2)} classes on average.`);
  return lines;
}
