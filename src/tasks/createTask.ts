import type { Classifier } from '../clip/classifier.js';
import { readClip } from '../clip/readClip.js';
import type { Clip } from '../clip/towers.js';
import type { TrainConfig } from '../config/schema.js';
import { takesVotes } from '../config/takesVotes.js';
import { loadDataset } from '../data/datasets.js';
import { addTraining } from '../data/merge.js';
import type { Dataset } from '../data/types.js';
import { loadTraining } from '../data/validation.js';
import { VOTES_FILE } from '../data/votesFile.js';
import type { Colour } from '../image/preprocess.js';
import { createPretrainModel, createPretrainTask } from '../pretrain/pretrainTask.js';
import { readDescription } from '../task/modelDescription.js';
import { prepareEngine } from '../task/prepareEngine.js';
import type { Model, Task } from '../task/task.js';
import { createUaFerModel, createUaFerTask } from '../uafer/uaferTask.js';

/**
 * The task that `config` names, on its data, its random weights drawn by the seed. Throws what reading the data and the weights throws,
 * before anything is trained.
 */
export function createTask(asked: TrainConfig): Task {
  const config = prepareEngine(asked);
  const dataset = trainingData(config);
  const colour = colourOf(config, config.clipPath);
  if (config.task !== 'pretrain') return createUaFerTask(config, dataset, readClip(config.clipPath), { colour });
  const task = createPretrainTask(config, dataset);
  return { ...task, preprocessing: { ...task.preprocessing, ...(colour && { colour }) } };
}

/** A network, and what an export needs of it; its weights may be put in place before that is asked for. */
export type ClassifierModel = Model & { classifier(): Classifier };

/**
 * The network of the task that `config` names, without anything of training.
 *
 * @param clip the weights that UA-FER starts from, when they have been read; else those of `clipPath`
 * @param clipPath where they were read
 */
export function createModel(
  asked: TrainConfig,
  classes: readonly string[],
  clip?: Clip,
  clipPath = asked.clipPath,
): ClassifierModel {
  const config = prepareEngine(asked);
  const model =
    config.task === 'pretrain'
      ? createPretrainModel(config, classes)
      : createUaFerModel(config, classes, clip ?? readClip(config.clipPath));
  const colour = colourOf(config, clipPath);
  return { ...model, preprocessing: { ...model.preprocessing, ...(colour && { colour }) } };
}

/** The colours that the settings say, or else the weights that a model starts from; undefined for the data set's own. */
function colourOf({ data }: TrainConfig, weights: string): Colour | undefined {
  if (data.colour !== 'auto') return data.colour;
  return weights === '' ? undefined : readDescription(weights)?.preprocessing.colour;
}

function trainingData({ task, dataset: name, dataPath, data, loss }: TrainConfig): Dataset {
  const dataset = loadTraining({ name, dataPath, ...data });
  const told = task === 'uafer' && takesVotes(loss) ? withoutVotesTold(dataset) : dataset;
  return data.extraPath === undefined
    ? told
    : addTraining(told, loadDataset({ name: 'folder', dataPath: data.extraPath }), data.extraSmoothing);
}

/** A label alone is one vote, and one vote says nothing of how sure people are. */
function withoutVotesTold(dataset: Dataset): Dataset {
  if (dataset.train.some(({ voteCounts }) => voteCounts !== undefined)) return dataset;
  const note = `No votes are known: each label counts as one vote, which says nothing of how far people agree. ${VOTES_FILE} beside the lists can tell (README).`;
  return { ...dataset, notes: [...(dataset.notes ?? []), note] };
}
