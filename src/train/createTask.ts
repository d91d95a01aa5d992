import { loadDataset } from '../data/dataset.js';
import { addTraining } from '../data/merge.js';
import type { Dataset } from '../data/types.js';
import { createPretrainTask } from '../pretrain/task.js';
import type { TrainConfig } from './config.js';
import type { Task } from './task.js';

/** The task that `config` names, on its data. Throws what reading the data and the weights throws, before anything is trained. */
export function createTask(config: TrainConfig): Task {
  return createPretrainTask(config, trainingData(config));
}

function trainingData({ dataset: name, dataPath, data }: TrainConfig): Dataset {
  const dataset = loadDataset({ name, dataPath, votes: data.votes });
  return data.extraPath === undefined ? dataset : addTraining(dataset, loadDataset({ name: 'folder', dataPath: data.extraPath }));
}
