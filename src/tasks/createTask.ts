import { readClip } from '../clip/readClip.js';
import type { Clip } from '../clip/towers.js';
import type { TrainConfig } from '../config/schema.js';
import { loadDataset } from '../data/datasets.js';
import { addTraining } from '../data/merge.js';
import type { Dataset } from '../data/types.js';
import { createPretrainModel, createPretrainTask } from '../pretrain/pretrainTask.js';
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
  return config.task === 'pretrain'
    ? createPretrainTask(config, dataset)
    : createUaFerTask(config, dataset, readClip(config.clipPath));
}

/**
 * The network of the task that `config` names, without anything of training.
 *
 * @param clip the weights that UA-FER starts from, when they have been read; else those of `clipPath`
 */
export function createModel(asked: TrainConfig, classes: readonly string[], clip?: Clip): Model {
  const config = prepareEngine(asked);
  return config.task === 'pretrain'
    ? createPretrainModel(config, classes)
    : createUaFerModel(config, classes, clip ?? readClip(config.clipPath));
}

function trainingData({ dataset: name, dataPath, data }: TrainConfig): Dataset {
  const dataset = loadDataset({ name, dataPath, votes: data.votes });
  return data.extraPath === undefined
    ? dataset
    : addTraining(dataset, loadDataset({ name: 'folder', dataPath: data.extraPath }));
}
