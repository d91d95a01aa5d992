import { readClip } from '../clip/checkpoint.js';
import { loadDataset } from '../data/dataset.js';
import { addTraining } from '../data/merge.js';
import type { Dataset } from '../data/types.js';
import { createPretrainTask } from '../pretrain/task.js';
import { createUaFerTask } from '../uafer/task.js';
import type { TrainConfig } from './config.js';
import type { Task } from './task.js';

/** The task that `config` names, on its data. Throws what reading the data and the weights throws, before anything is trained. */
export function createTask(config: TrainConfig): Task {
  const dataset = trainingData(config);
  return config.task === 'pretrain'
    ? createPretrainTask(config, dataset)
    : createUaFerTask(config, dataset, readClip(config.clipPath));
}

function trainingData({ dataset: name, dataPath, data }: TrainConfig): Dataset {
  const dataset = loadDataset({ name, dataPath, votes: data.votes });
  return data.extraPath === undefined
    ? dataset
    : addTraining(dataset, loadDataset({ name: 'folder', dataPath: data.extraPath }));
}
