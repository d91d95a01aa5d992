import type { Calibration } from '../calibration/calibration.js';
import type { TrainConfig } from '../config/schema.js';
import { checkPictures } from '../data/checkPictures.js';
import { type ClassMap, mapClasses } from '../data/classMap.js';
import { loadDataset, transformFor } from '../data/datasets.js';
import { type BatchSource, createLoader } from '../data/loader.js';
import { subset } from '../data/subset.js';
import type { Batch, Dataset } from '../data/types.js';
import { noGrad, scope } from '../engine/index.js';
import type { Preprocessing } from '../image/preprocess.js';
import { computeTrust, type Trust } from '../metrics/trust.js';
import { RAW_VOTES, type VoteCounting } from '../metrics/votes.js';
import type { Examples } from '../run/examplesFile.js';
import { inPrecision, precisionNote } from '../task/precision.js';
import { prepareEngine } from '../task/prepareEngine.js';
import type { Model } from '../task/task.js';
import { type Evaluation, evaluate } from './evaluate.js';
import { collectExamples } from './examples.js';
import { ownCalibration } from './ownCalibration.js';
import { readClasses, readModel, takenCheckpoint } from './readModel.js';

export interface CheckpointEvaluation extends Evaluation {
  /** What was evaluated: of a run the checkpoint that was taken, else the path that was given. */
  checkpoint: string;
  dataset: Dataset;
  /** Every score of the answers side by side. */
  trust: Trust;
  /** Why each picture that could not be read was left out. */
  unreadable: string[];
  /** What a report shows beside the figures, where it was asked for. */
  examples: Examples | null;
}

export interface EvaluateCheckpointOptions {
  /** A file that names the test pictures to evaluate, a line each; all of them when left out. */
  subset?: string | undefined;
  /** Which class of the model each class of the data set is; left out, they have the same names. */
  classMap?: ClassMap | undefined;
  /** Resamples of the bootstrap that gives every figure an interval; none when left out. */
  bootstrap?: number | undefined;
  /** Whether to take what a report shows: single pictures with their heat maps, and the features on a plane. */
  examples?: boolean | undefined;
  /** What was fitted to the checkpoint's answers; left out, they are taken as they are. */
  calibration?: Calibration | undefined;
  /** Told, in a sentence, what was chosen because nothing was said, and what is slow here. */
  onNote?(note: string): void;
  /** Which of people's votes count; the raw ones for the classes when left out. */
  counting?: VoteCounting | undefined;
  /** Told after each batch how many are done, and how many there are. */
  onBatch?(done: number, total: number): void;
  /** Told after each resample how many are done, and how many there are. */
  onResample?(done: number, total: number): void;
}

/** The same for every evaluation, so that two models' resamples are of the same pictures. */
const BOOTSTRAP_SEED = 42;

/**
 * Evaluates a checkpoint on the test pictures of `config.dataset` (the training pictures need not be there): a run (its best checkpoint, or
 * its last one when it was ended before its first evaluation), a checkpoint folder, a fine-tuned model (`.pth` of the original or `.safetensors`; the text tower comes from `config.clipPath`), or plain CLIP
 * weights, which then classify without any fine-tuning. Pictures are made as the checkpoint says that its model takes them; where it says
 * nothing, as the data set's row does. Throws `CHECKPOINT` when the file is none of these or doesn't fit, `DATA` and `IMAGE` as the data
 * set does.
 */
export async function evaluateCheckpoint(
  checkpoint: string,
  asked: TrainConfig,
  options: EvaluateCheckpointOptions = {},
): Promise<CheckpointEvaluation> {
  const config = prepareEngine(asked);
  const precision = precisionNote(config);
  if (precision) options.onNote?.(precision);
  const loaded = loadTestPart(config, options);
  const taken = takenCheckpoint(checkpoint, options.onNote);
  const { classMap, onNote = () => {} } = options;
  const dataset = classMap ? mapClasses(loaded, classMap, readClasses(taken), onNote) : loaded;
  const { model, epoch } = readModel(taken, config, dataset.classes, checkpoint);
  if (!classMap) tellOtherClasses(dataset, taken, onNote);
  await checkTestPictures(dataset, config, model.preprocessing);
  const loader = createLoader(dataset.test, config, model.preprocessing, 'test');
  try {
    const evaluation = await evaluate(model, loader.epoch(0), {
      samples: dataset.test,
      epoch,
      calibration: options.calibration ?? ownCalibration(config),
      precision: config.precision,
      device: config.device,
      onBatch: (done) => options.onBatch?.(done, loader.batches),
    });
    const answered = { ...(evaluation as Evaluation), checkpoint: taken, dataset };
    return judge(answered, loader, {
      ...options,
      examples: options.examples ? await examplesOf(answered, model, config) : null,
    });
  } finally {
    await loader.close();
  }
}

/** What a report shows of libtorch's network. */
export function examplesOf(
  evaluation: Evaluation & Pick<CheckpointEvaluation, 'dataset'>,
  model: Pick<Model, 'heatmaps' | 'preprocessing'>,
  config: TrainConfig,
): Promise<Examples> {
  const { heatmaps, preprocessing } = model;
  const inTorch = (batch: Batch) => noGrad(() => scope(() => inPrecision(config, () => heatmaps?.(batch) ?? [])));
  return collectExamples({
    evaluation,
    samples: evaluation.dataset.test,
    config,
    preprocessing,
    heatmaps: heatmaps && inTorch,
  });
}

/** A model of texts can be asked for any classes: for others than its own by their names alone, which is told. */
function tellOtherClasses({ name, classes }: Dataset, checkpoint: string, onNote: (note: string) => void): void {
  const known = readClasses(checkpoint);
  if (!known || known.toSorted().join('/') === classes.toSorted().join('/')) return;
  onNote(
    `The model was trained on the classes ${known.join(', ')}, and is asked for those of ${name}, ${classes.join(', ')}, by their names ` +
      'alone. --class-map says which is which.',
  );
}

/** The data set with the test pictures that are to be evaluated, and no others. */
export function loadTestPart(
  { dataset: name, dataPath, data }: TrainConfig,
  { subset: names }: EvaluateCheckpointOptions,
): Dataset {
  const { ferplusTest, subjectPattern, folds, fold, foldList } = data;
  const whole = loadDataset({ name, dataPath, parts: 'test', ferplusTest, subjectPattern, folds, fold, foldList });
  return names === undefined ? whole : subset(whole, names);
}

/** Throws before anything is computed when pictures are of sizes that the model cannot take. */
export async function checkTestPictures(
  { test }: Dataset,
  { dataset, data }: TrainConfig,
  preprocessing: Preprocessing,
): Promise<void> {
  const transform = transformFor({ dataset, preprocessing, train: false, augment: 'none', centerCrop: data.centerCrop });
  await checkPictures({ train: [], test }, { ...transform, allowUnreadable: data.allowUnreadable });
}

/** An evaluation with what is known of its data set, and how far its answers can be trusted. */
export function judge(
  evaluation: Omit<CheckpointEvaluation, 'trust' | 'unreadable' | 'examples'>,
  { unreadable }: BatchSource,
  {
    bootstrap: resamples,
    counting = RAW_VOTES,
    onResample,
    examples,
  }: Omit<EvaluateCheckpointOptions, 'examples'> & { examples: Examples | null },
): CheckpointEvaluation {
  const bootstrap = resamples && {
    resamples,
    seed: BOOTSTRAP_SEED,
    onResample: (done: number) => onResample?.(done, resamples),
  };
  const { predictions, dataset } = evaluation;
  const trust = computeTrust(predictions, dataset.classes.length, { counting, ...(bootstrap ? { bootstrap } : {}) });
  return { ...evaluation, trust, unreadable: [...unreadable.values()], examples };
}
