import { readVisionState } from '../clip/checkpoint.js';
import { subset } from '../data/dataset.js';
import { createLoader } from '../data/loader.js';
import type { Dataset } from '../data/types.js';
import { setThreads, type Tensor } from '../engine/index.js';
import { readWeights } from '../engine/weights.js';
import { checkpointFolder, readCheckpointState, readCheckpointWeights, restoreTensors } from '../train/checkpoint.js';
import type { TrainConfig } from '../train/config.js';
import { createTask } from '../train/createTask.js';
import { chooseDevice } from '../train/device.js';
import { holdsRun, runFolder } from '../train/runFolder.js';
import type { Task } from '../train/task.js';
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
 * Evaluates a checkpoint on the test pictures of `config.dataset`: a run or its checkpoint folder, a fine-tuned model (`.pth` of the
 * original or `.safetensors`; the text tower comes from `config.clipPath`), or plain CLIP weights, which then classify without any
 * fine-tuning. Throws `CHECKPOINT` when the file is none of these or doesn't fit, `DATA` and `IMAGE` as the data set does.
 */
export async function evaluateCheckpoint(
  checkpoint: string,
  asked: TrainConfig,
  options: EvaluateCheckpointOptions = {},
): Promise<CheckpointEvaluation> {
  if (asked.threads > 0) setThreads(asked.threads);
  const config = { ...asked, device: chooseDevice(asked.device) };
  const folder = folderOf(checkpoint);
  const task = taskWith(checkpoint, folder, config);
  const dataset = options.subset === undefined ? task.dataset : subset(task.dataset, options.subset);
  const loader = createLoader(dataset.test, config, task.imageSize, 'test');
  try {
    const evaluation = await evaluate(task, loader.epoch(0), {
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

/** The task of `config` with the weights of a checkpoint in place of those that it starts from. */
function taskWith(checkpoint: string, folder: string | null, config: TrainConfig): Task {
  const ofUaFer = folder === null && config.task === 'uafer';
  if (ofUaFer && holdsText(checkpoint)) return createTask({ ...config, clipPath: checkpoint });
  const task = createTask(config);
  const weights = folder ? readCheckpointWeights(folder) : ofUaFer ? readVisionState(checkpoint) : readWeights(checkpoint);
  restoreTensors(task.state, weights, checkpoint);
  dispose(weights);
  return task;
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

/** Whether a file is plain CLIP, which alone has a text tower: a fine-tuned model is a vision tower. */
function holdsText(file: string): boolean {
  const weights = readWeights(file);
  dispose(weights);
  return Object.keys(weights).some((name) => name.endsWith('token_embedding.weight'));
}

function dispose(weights: Readonly<Record<string, Tensor>>): void {
  for (const tensor of Object.values(weights)) tensor.dispose();
}
