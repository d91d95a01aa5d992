import { type ModelFile, readModelFile } from '../clip/readClip.js';
import type { TrainConfig } from '../config/schema.js';
import { loadDataset } from '../data/datasets.js';
import { createLoader } from '../data/loader.js';
import { subset } from '../data/subset.js';
import type { Dataset } from '../data/types.js';
import type { Tensor } from '../engine/index.js';
import { readWeights } from '../engine/weights.js';
import { UaferError } from '../errors.js';
import {
  checkpointFolder,
  readCheckpointDescription,
  readCheckpointState,
  readCheckpointWeights,
  restoreTensors,
} from '../run/checkpoint.js';
import { type ModelDescription, readDescription } from '../run/modelDescription.js';
import { holdsRun, runFolder } from '../run/runFolder.js';
import { prepareEngine } from '../task/prepareEngine.js';
import type { Model } from '../task/task.js';
import { createModel } from '../tasks/createTask.js';
import { type Evaluation, evaluate } from './evaluate.js';

export interface CheckpointEvaluation extends Evaluation {
  dataset: Dataset;
  /** Why each picture that could not be read was left out. */
  unreadable: string[];
}

export interface EvaluateCheckpointOptions {
  /** A file that names the test pictures to evaluate, a line each; all of them when left out. */
  subset?: string | undefined;
  /** Told after each batch how many are done, and how many there are. */
  onBatch?(done: number, total: number): void;
}

/**
 * Evaluates a checkpoint on the test pictures of `config.dataset` (the training pictures need not be there): a run or its checkpoint
 * folder, a fine-tuned model (`.pth` of the original or `.safetensors`; the text tower comes from `config.clipPath`), or plain CLIP
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
  const whole = loadDataset({ name: config.dataset, dataPath: config.dataPath, parts: 'test' });
  const dataset = options.subset === undefined ? whole : subset(whole, options.subset);
  const folder = folderOf(checkpoint);
  const model = readModel(checkpoint, folder, config, dataset.classes);
  const loader = createLoader(dataset.test, config, model.preprocessing, 'test');
  try {
    const evaluation = await evaluate(model, loader.epoch(0), {
      samples: dataset.test,
      epoch: epochOf(folder, config),
      precision: config.precision,
      device: config.device,
      onBatch: (done) => options.onBatch?.(done, loader.batches),
    });
    return { ...(evaluation as Evaluation), dataset, unreadable: [...loader.unreadable.values()] };
  } finally {
    await loader.close();
  }
}

/** The network of `config` with the weights of a checkpoint in place of those that it starts from. */
function readModel(checkpoint: string, folder: string | null, config: TrainConfig, classes: readonly string[]): Model {
  if (folder)
    return withWeights(
      createModel(config, classes),
      readCheckpointWeights(folder),
      checkpoint,
      readCheckpointDescription(folder),
    );
  if (config.task === 'pretrain')
    return withWeights(createModel(config, classes), readWeights(checkpoint), checkpoint, readDescription(checkpoint));
  const { clip, vision }: ModelFile = readModelFile(checkpoint);
  if (clip) return createModel(config, classes, clip);
  return withWeights(createModel(config, classes), vision, checkpoint, readDescription(checkpoint));
}

/** Puts weights, which are freed then, and what is known of the model, into it. */
function withWeights(
  model: Model,
  weights: Readonly<Record<string, Tensor>>,
  where: string,
  description: ModelDescription | null,
): Model {
  restoreTensors(model.state, weights, where);
  for (const tensor of Object.values(weights)) tensor.dispose();
  if (!description) return model;
  const { preprocessing } = description;
  if (preprocessing.imageSize === model.preprocessing.imageSize) return { ...model, preprocessing };
  throw new UaferError(
    'CHECKPOINT',
    `${where} was trained on pictures of ${preprocessing.imageSize} pixels, but the CLIP weights beside it take ${model.preprocessing.imageSize}.`,
  );
}

/** The folder to read for a run (its best checkpoint) or a checkpoint; null for anything else. */
function folderOf(checkpoint: string): string | null {
  return checkpointFolder(holdsRun(checkpoint) ? runFolder(checkpoint).best : checkpoint);
}

/** The epoch that the weights come from; of a file that doesn't say, the last one. */
function epochOf(folder: string | null, { optimizer }: TrainConfig): number {
  if (!folder) return optimizer.epochs - 1;
  const { epoch, step } = readCheckpointState(folder);
  // At an epoch's end the state stands at the next one.
  return step === 0 ? Math.max(0, epoch - 1) : epoch;
}
