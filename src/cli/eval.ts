import { basename, dirname, join, resolve } from 'node:path';
import { type Command, Option } from 'commander';
import type { TrainConfig } from '../config/schema.js';
import { readClassMap } from '../data/classMap.js';
import { type CheckpointEvaluation, evaluateCheckpoint } from '../evaluate/evaluateCheckpoint.js';
import { evaluateExported, hasReluEvidence, isExported } from '../export/evaluateExported.js';
import { writeFileAtomically } from '../files.js';
import type { VoteCounting } from '../metrics/votes.js';
import { createProgress, type Progress } from '../progress.js';
import { formatMetrics } from '../report/metricsText.js';
import { isReleasedForm, RELEASED_FORM_NOTE } from '../report/releasedForm.js';
import { evaluatedNow } from '../report/subject.js';
import { formatTrust } from '../report/trustText.js';
import { reportPath, writeReport } from '../report/writeReport.js';
import { writeExamples } from '../run/examplesFile.js';
import { writePredictions } from '../run/predictionsFile.js';
import { holdsRun } from '../run/runFolder.js';
import { addCalibrationOption, type CalibrationOptions, calibrationOf } from './calibrationOption.js';
import { checkpointConfig, SETTINGS_OF_A_MODEL, SETTINGS_OF_TEST_PICTURES } from './checkpointConfig.js';
import {
  addConfigOptions,
  addOriginalOptions,
  checkClasses,
  configValues,
  type OptionValues,
  originalValues,
} from './configOptions.js';
import { notes, printJson, printText, type Verbosity } from './output.js';
import { pagePath } from './pageOption.js';
import {
  addRobustnessOptions,
  CORRUPTIONS_HELP,
  type RobustnessOptions,
  robustnessAsked,
  robustnessTexts,
  writeRobustness,
} from './robustnessOptions.js';
import { wholeNumberOption } from './wholeNumberOption.js';

interface EvalOptions extends Verbosity, CalibrationOptions, RobustnessOptions {
  checkpoint: string;
  config?: string;
  recipe?: string;
  predictions?: string;
  report?: string;
  subset?: string;
  classMap?: string;
  bootstrap: number;
  scores?: boolean;
  singleVotes: VoteCounting['singles'];
  otherVotes: VoteCounting['others'];
}

export function addEval(command: Command): void {
  command
    .requiredOption(
      '--checkpoint <path>',
      'a run, its checkpoint, a fine-tuned .pth or .safetensors, CLIP weights (zero-shot), or an exported model',
    )
    .option('--predictions <path>', 'write predictions (JSON) here, and metrics.json and a report (.report.html) beside it')
    .option('--report <path>', 'write the report here (.html), and its figures and tables beside it', pagePath)
    .option('--subset <path>', 'only the test pictures that this file names, a line each')
    .option(
      '--class-map <path>',
      'which class of the model each class of another data set is: a file, or a map of the package such as ferplus-to-rafdb',
    )
    .option('--scores', 'print every figure, and every score of the answers side by side')
    .addOption(
      wholeNumberOption('--bootstrap <n>', 'resamples of the pictures that give each figure a 95% interval; 0 for none', 0),
    )
    .addOption(keepOrDrop('--single-votes <what>', 'FER+: whether an answer that one annotator alone gave counts', 'keep'))
    .addOption(
      keepOrDrop('--other-votes <what>', 'FER+: whether "unknown" and "no face" count in how much people disagree', 'drop'),
    )
    .option('--config <path>', "settings in YAML; the run's own when --checkpoint belongs to a run")
    .option('--quiet', 'print nothing but errors and the result')
    .option('--json', 'print the metrics as one line of JSON');
  addCalibrationOption(command);
  addRobustnessOptions(command);
  addConfigOptions(command, (path) => SETTINGS_OF_A_MODEL.test(path) || SETTINGS_OF_TEST_PICTURES.test(path));
  addOriginalOptions(command);
  command
    .addHelpText(
      'after',
      `
metrics.json and --json hold every figure: those of the whole set, every score as a detector of errors, Brier's score in parts, and, where the
data set has votes (FER+), the figures against them. --single-votes and --other-votes say which votes count.
${CORRUPTIONS_HELP}
The test pictures of FER+ are its validation part; --ferplus-test test takes FER2013's private test set.

A class map is YAML or JSON, "class of the data set: class of the model" a line; null leaves a class's pictures out. All classes of the data set
stand in it.

A checkpoint of a run brings the run's settings. For another one they come from --recipe, then --config, then the options.

Examples:
  uafer eval --checkpoint runs/rafdb
  uafer eval --checkpoint model.pth --clip-path ViT-B-16.pt --dataset rafdb --data-path /data/RAFDB/basic --predictions out.json
  uafer eval --checkpoint runs/rafdb --subset occlusion.txt
  uafer eval --checkpoint runs/rafdb --corruptions jpeg,eyes --ood pictures
  uafer eval --checkpoint runs/rafdb --dataset ferplus --data-path /data/FERPlus --class-map ferplus-to-rafdb
  uafer eval --checkpoint runs/rafdb --scores --bootstrap 1000`,
    )
    .action((options: EvalOptions & OptionValues) => evalCommand(options));
}

async function evalCommand(options: EvalOptions & OptionValues): Promise<void> {
  const note = notes(options);
  const config = configuration(options, note);
  const result = await evaluation(options, config, note);
  for (const reason of result.unreadable) note(`Left out: ${reason}`);
  const { checkpoint, loss, metrics, trust, corruptions, ood } = result;
  const releasedForm = isOfReleasedForm(options, config);
  // Printed first: what cannot be written (a full disk) must not take with it what was computed.
  if (options.json)
    printJson({
      ...{ checkpoint, dataset: config.dataset, classMap: options.classMap, loss },
      ...{ ...metrics, ...trust, ...known({ corruptions, ood }) },
    });
  else {
    const shown = { detail: options.scores ?? false, note: releasedForm ? RELEASED_FORM_NOTE : undefined };
    printText([...texts(result, shown), ...robustnessTexts(result, shown.detail)].join('\n\n'));
  }
  writeRobustness(options.checkpoint, result, options, note);
  if (options.predictions !== undefined) writeResults(options.predictions, result, note);
  await writePage(options, result, { dataset: config.dataset, releasedForm, note });
}

/** Whether the uncertainty is that of the released form. An exported model says it itself. */
function isOfReleasedForm({ checkpoint }: EvalOptions, config: TrainConfig): boolean {
  return isExported(checkpoint) ? hasReluEvidence(checkpoint) : isReleasedForm(config);
}

/** The report stands beside the predictions unless it is to stand elsewhere. */
async function writePage(
  options: EvalOptions,
  { dataset, predictions: rows, trust, examples, corruptions, ood }: CheckpointEvaluation,
  told: { dataset: string; releasedForm: boolean; note: (line: string) => void },
): Promise<void> {
  const { predictions, report: asked, checkpoint: given } = options;
  const page = asked ?? (predictions === undefined ? undefined : reportPath(predictions));
  if (page === undefined) return;
  const name = `${basename(resolve(given))} on ${told.dataset}`;
  const about = { name, source: given, classes: dataset.classes, releasedForm: told.releasedForm };
  const [html] = await writeReport(
    [evaluatedNow(about, rows, { trust, examples, corruptions: corruptions ?? [], others: ood })],
    page,
  );
  told.note(`Wrote ${html}.`);
}

function evaluation(options: EvalOptions, config: TrainConfig, note: (line: string) => void): Promise<CheckpointEvaluation> {
  const { checkpoint, subset } = options;
  const { stop, ...told } = progressOf(options);
  const asked = {
    subset,
    statistics: options.predictions !== undefined,
    classMap: options.classMap === undefined ? undefined : readClassMap(options.classMap),
    bootstrap: options.bootstrap > 0 ? options.bootstrap : undefined,
    examples: options.predictions !== undefined || options.report !== undefined,
    counting: { singles: options.singleVotes, others: options.otherVotes },
    ...{ ...robustnessAsked(options), ...told, onNote: note },
  };
  if (isExported(checkpoint)) return evaluateExported(checkpoint, config, asked).finally(stop);
  const calibration = calibrationOf(checkpoint, options, note);
  return evaluateCheckpoint(checkpoint, config, { ...asked, calibration }).finally(stop);
}

function texts(
  { metrics, trust }: Pick<CheckpointEvaluation, 'metrics' | 'trust'>,
  { detail, note }: { detail: boolean; note: string | undefined },
): string[] {
  const figures = formatMetrics(metrics, { detail, note, intervals: trust.intervals });
  return detail ? [figures, formatTrust(trust)] : [figures];
}

/** What there is. */
function known<Each>(values: Readonly<Record<string, Each | null>>): Record<string, Each> {
  return Object.fromEntries(Object.entries(values).filter((entry): entry is [string, Each] => entry[1] !== null));
}

/** Shows how many pictures are done, of each kind after the other, then how many resamples. */
function progressOf({ quiet = false }: EvalOptions) {
  let shown: Progress | undefined;
  const show = (label: string, unit: string) => {
    let progress: Progress | undefined;
    return (done: number, total: number, kind?: string) => {
      if (!progress) {
        shown?.stop();
        progress = createProgress({ label, total, unit, start: done, quiet });
        shown = progress;
      }
      progress.update(done, kind === undefined ? {} : { kind });
    };
  };
  return {
    onBatch: show('evaluating', 'batches'),
    onCorrupted: show('spoiling', 'batches'),
    onOutlier: show('other pictures', 'batches'),
    onResample: show('resampling', 'resamples'),
    stop: () => shown?.stop(),
  };
}

function keepOrDrop(flags: string, description: string, byDefault: 'keep' | 'drop'): Option {
  return new Option(flags, description).choices(['keep', 'drop']).default(byDefault);
}

function configuration(options: EvalOptions & OptionValues, onNote: (line: string) => void): TrainConfig {
  const given = { ...originalValues(options, onNote), ...withoutFold(configValues(options)) };
  // An exported model has its weights, and answers without others.
  const values = isExported(options.checkpoint) ? { clipPath: options.checkpoint, ...given } : given;
  const config = checkpointConfig(options.checkpoint, { ...options, values }, onNote);
  checkClasses(options, config.dataset);
  return config;
}

/** The fold that a run was trained with is one of its own data set. */
function withoutFold(values: Record<string, unknown>): Record<string, unknown> {
  const none = { 'data.folds': undefined, 'data.fold': undefined, 'data.foldList': undefined };
  return 'dataset' in values ? { ...none, ...values } : values;
}

function writeResults(
  predictions: string,
  { dataset, predictions: rows, metrics, trust, loss, examples }: CheckpointEvaluation,
  note: (line: string) => void,
): void {
  const folder = dirname(resolve(predictions));
  // A run's own metrics.json tells of its training and stays.
  const file = holdsRun(folder) ? predictions.replace(/(\.json)?$/, '.metrics.json') : join(folder, 'metrics.json');
  writeFileAtomically(file, `${JSON.stringify({ loss, ...metrics, ...trust }, null, 2)}\n`);
  writePredictions(predictions, dataset.classes, rows);
  if (examples) writeExamples(predictions, examples);
  note(`Wrote ${predictions} and ${file}.`);
}
