import type { Calibration } from '../calibration/calibration.js';
import type { TrainConfig } from '../config/schema.js';
import type { CorruptionName } from '../corruptions/corruptions.js';
import { checkPictures } from '../data/checkPictures.js';
import { type ClassMap, mapClasses } from '../data/classMap.js';
import { loadDataset, transformFor } from '../data/datasets.js';
import { type BatchSource, createLoader } from '../data/loader.js';
import { subset } from '../data/subset.js';
import type { Batch, Dataset, Sample } from '../data/types.js';
import { noGrad, scope } from '../engine/index.js';
import type { Preprocessing } from '../image/preprocess.js';
import { computeTrust, type Trust } from '../metrics/trust.js';
import { RAW_VOTES, type VoteCounting } from '../metrics/votes.js';
import type { Examples } from '../run/examplesFile.js';
import { inPrecision, precisionNote } from '../task/precision.js';
import { prepareEngine } from '../task/prepareEngine.js';
import type { Model } from '../task/task.js';
import { type Evaluation, evaluate, type Prediction } from './evaluate.js';
import { collectExamples } from './examples.js';
import { ownCalibration } from './ownCalibration.js';
import { readClasses, readModel, takenCheckpoint } from './readModel.js';
import {
  type AnswerAll,
  type CorruptionEntry,
  type OutlierEntry,
  onOutliers,
  outlierPictures,
  underCorruptions,
} from './robustness.js';

export interface CheckpointEvaluation extends Evaluation {
  /** What was evaluated: of a run the checkpoint that was taken, else the path that was given. */
  checkpoint: string;
  dataset: Dataset;
  /** Every score of the answers side by side. */
  trust: Trust;
  /** Answers to spoilt test pictures, where they were asked for. */
  corruptions: CorruptionEntry[] | null;
  /** How well other pictures are told from those of the test, where some were named. */
  ood: OutlierEntry | null;
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
  /** Ways to spoil the test pictures, which are then evaluated too, in each severity. */
  corruptions?: readonly CorruptionName[] | undefined;
  /** A folder of pictures unlike those of the data set. */
  ood?: string | undefined;
  /** Asks for plain statistics of each test picture. */
  statistics?: boolean | undefined;
  /** Told, in a sentence, what was chosen because nothing was said, and what is slow here. */
  onNote?(note: string): void;
  /** Which of people's votes count; the raw ones for the classes when left out. */
  counting?: VoteCounting | undefined;
  /** Told after each batch how many are done, and how many there are. */
  onBatch?(done: number, total: number): void;
  /** Told after each batch of spoilt pictures how many are done, how many there are, and how these are spoilt. */
  onCorrupted?(done: number, total: number, kind: string): void;
  /** Told after each batch of `ood` how many are done, and how many there are. */
  onOutlier?(done: number, total: number): void;
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
  const slow = precisionNote(config);
  if (slow) options.onNote?.(slow);
  const loaded = loadTestPart(config, options);
  const taken = takenCheckpoint(checkpoint, options.onNote);
  const { classMap, onNote = () => {} } = options;
  const dataset = classMap ? mapClasses(loaded, classMap, readClasses(taken), onNote) : loaded;
  const { model, epoch } = readModel(taken, config, dataset.classes, checkpoint);
  if (!classMap) tellOtherClasses(dataset, taken, onNote);
  const { precision, device } = config;
  const answerAll: AnswerAll = async (batches, samples, onBatch) => {
    const evaluation = await evaluate(model, batches, {
      ...{ samples, epoch, precision, device, onBatch },
      calibration: options.calibration ?? ownCalibration(config),
    });
    return evaluation as Evaluation;
  };
  const examples = (evaluation: Answered) => examplesOf(evaluation, model, config);
  const ready = { checkpoint: taken, preprocessing: model.preprocessing, answerAll, examples };
  return evaluatePictures(ready, dataset, config, options);
}

type Answered = Evaluation & Pick<CheckpointEvaluation, 'checkpoint' | 'dataset'>;

/** A model that is ready to answer. */
interface Ready {
  /** What it is of. */
  checkpoint: string;
  /** As the pictures shall come. */
  preprocessing: Preprocessing;
  answerAll: AnswerAll;
  /** What a report shows of its answers. */
  examples(evaluation: Answered): Promise<Examples>;
}

/** The answers to the test pictures, how far they can be trusted, and what else was asked for. */
export async function evaluatePictures(
  { checkpoint, preprocessing, answerAll, examples }: Ready,
  dataset: Dataset,
  config: TrainConfig,
  options: EvaluateCheckpointOptions,
): Promise<CheckpointEvaluation> {
  const others = options.ood === undefined ? null : outlierPictures(options.ood);
  await checkTestPictures(dataset, config, preprocessing);
  const loader = createLoader(dataset.test, config, preprocessing, 'test');
  try {
    const batches = loader.epoch(0, 0, { statistics: options.statistics });
    const evaluation = await answerAll(batches, dataset.test, (done) => options.onBatch?.(done, loader.batches));
    const answered = { ...evaluation, checkpoint, dataset };
    const { predictions } = evaluation;
    const corruptions = options.corruptions
      ? await underCorruptions(answerAll, loader, predictions, {
          kinds: options.corruptions,
          samples: dataset.test,
          classes: dataset.classes.length,
          counting: options.counting ?? RAW_VOTES,
          onBatch: options.onCorrupted,
        })
      : null;
    const beside = await besideOthers({ preprocessing, answerAll }, others, predictions, config, options);
    return {
      ...{ ...answered, corruptions, ood: beside?.ood ?? null },
      examples: options.examples ? await examples(answered) : null,
      trust: trustOf(predictions, dataset, options),
      unreadable: [...loader.unreadable.values(), ...(beside?.unreadable ?? [])],
    };
  } finally {
    tellKept(loader, options);
    await loader.close();
  }
}

/** @param others pictures of `options.ood`, which may be of anything: of an oblong one the middle is taken */
async function besideOthers(
  { preprocessing, answerAll }: Pick<Ready, 'preprocessing' | 'answerAll'>,
  others: readonly Sample[] | null,
  ordinary: readonly Prediction[],
  config: TrainConfig,
  options: EvaluateCheckpointOptions,
): Promise<{ ood: OutlierEntry; unreadable: string[] } | null> {
  const { ood: folder, onOutlier } = options;
  if (others === null || folder === undefined) return null;
  const source = createLoader(others, { ...config, data: { ...config.data, centerCrop: true } }, preprocessing, 'test');
  try {
    const onBatch = (done: number) => onOutlier?.(done, source.batches);
    const ood = await onOutliers(answerAll, source, ordinary, { folder, samples: others, onBatch });
    return { ood, unreadable: [...source.unreadable.values()] };
  } finally {
    tellKept(source, options);
    await source.close();
  }
}

/** What there is to say about the pictures that are kept on the disk. */
function tellKept({ notes }: BatchSource, { onNote }: EvaluateCheckpointOptions): void {
  for (const text of notes.values()) onNote?.(text);
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

function trustOf(
  predictions: readonly Prediction[],
  { classes }: Dataset,
  { bootstrap: resamples, counting = RAW_VOTES, onResample }: EvaluateCheckpointOptions,
): Trust {
  const bootstrap = resamples && {
    resamples,
    seed: BOOTSTRAP_SEED,
    onResample: (done: number) => onResample?.(done, resamples),
  };
  return computeTrust(predictions, classes.length, { counting, ...(bootstrap ? { bootstrap } : {}) });
}
