import { type ModelFile, readModelFile } from '../clip/readClip.js';
import type { TrainConfig } from '../config/schema.js';
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
import { holdsRun, runFolder } from '../run/runFolder.js';
import { type ModelDescription, readDescription } from '../task/modelDescription.js';
import { type ClassifierModel, createModel } from '../tasks/createTask.js';

export interface ReadModel {
  model: ClassifierModel;
  /** That the weights come from, from 0; of a file that doesn't say, the last one. */
  epoch: number;
}

/**
 * The network of `config` with the weights of a checkpoint in place of those that it starts from: a run's checkpoint folder, a
 * fine-tuned model (the text tower comes from `config.clipPath`), or plain CLIP weights. Throws `CHECKPOINT` when the file is none of these
 * or doesn't fit.
 */
export function readModel(checkpoint: string, config: TrainConfig, classes: readonly string[], name = checkpoint): ReadModel {
  const folder = checkpointFolder(checkpoint);
  const model = folder ? modelOf(folder, config, classes, name) : modelIn(checkpoint, config, classes);
  return { model, epoch: epochOf(folder, config) };
}

/** What to read: of a run its best checkpoint, or the last one where there is no best one yet; any other path as it is. */
export function takenCheckpoint(path: string, onNote: (note: string) => void = () => {}): string {
  if (!holdsRun(path)) return path;
  const { best, last } = runFolder(path);
  if (checkpointFolder(best)) {
    onNote(`Taking the run's best checkpoint, ${best}.`);
    return best;
  }
  if (checkpointFolder(last)) {
    onNote(`The run was ended before its first evaluation, so it has no best checkpoint yet: taking its last one, ${last}.`);
    return last;
  }
  throw new UaferError(
    'CHECKPOINT',
    `${path} has no checkpoint yet: the run was ended before it wrote one. Go on with it: uafer train --resume ${path}`,
  );
}

/** The classes that a checkpoint says its model has; null where it says nothing. */
export function readClasses(checkpoint: string): readonly string[] | null {
  const taken = takenCheckpoint(checkpoint);
  const folder = checkpointFolder(taken);
  return (folder ? readCheckpointDescription(folder) : readDescription(taken))?.classes ?? null;
}

function modelOf(folder: string, config: TrainConfig, classes: readonly string[], name: string): ClassifierModel {
  const [weights, description] = [readCheckpointWeights(folder), readCheckpointDescription(folder)];
  return withWeights(createModel(config, classes), weights, name, description);
}

function modelIn(checkpoint: string, config: TrainConfig, classes: readonly string[]): ClassifierModel {
  if (config.task === 'pretrain')
    return withWeights(createModel(config, classes), readWeights(checkpoint), checkpoint, readDescription(checkpoint));
  const { clip, vision }: ModelFile = readModelFile(checkpoint);
  if (clip) return createModel(config, classes, clip, checkpoint);
  return withWeights(createModel(config, classes), vision, checkpoint, readDescription(checkpoint));
}

/** Puts weights, which are freed then, and what is known of the model, into it. */
function withWeights(
  model: ClassifierModel,
  weights: Readonly<Record<string, Tensor>>,
  where: string,
  description: ModelDescription | null,
): ClassifierModel {
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

/** The epoch that the weights come from; of a file that doesn't say, the last one. */
function epochOf(folder: string | null, { optimizer }: TrainConfig): number {
  if (!folder) return optimizer.epochs - 1;
  const { epoch, step } = readCheckpointState(folder);
  // At an epoch's end the state stands at the next one.
  return step === 0 ? Math.max(0, epoch - 1) : epoch;
}
