import type { TrainConfig } from '../config/schema.js';
import { loadDataset } from '../data/datasets.js';
import { createLoader } from '../data/loader.js';
import { subset } from '../data/subset.js';
import type { Dataset } from '../data/types.js';
import { prepareEngine } from '../task/prepareEngine.js';
import { type Evaluation, evaluate } from './evaluate.js';
import { readModel } from './readModel.js';

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
  const { model, epoch } = readModel(checkpoint, config, dataset.classes);
  const loader = createLoader(dataset.test, config, model.preprocessing, 'test');
  try {
    const evaluation = await evaluate(model, loader.epoch(0), {
      samples: dataset.test,
      epoch,
      precision: config.precision,
      device: config.device,
      onBatch: (done) => options.onBatch?.(done, loader.batches),
    });
    return { ...(evaluation as Evaluation), dataset, unreadable: [...loader.unreadable.values()] };
  } finally {
    await loader.close();
  }
}
