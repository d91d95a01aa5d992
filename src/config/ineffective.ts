import { datasetRow } from '../data/datasets.js';
import type { TrainConfig } from './schema.js';

/** A setting that changes nothing beside the others, and why. */
export interface Ineffective {
  path: string;
  why: string;
}

/**
 * Settings that decide nothing because of others. The original takes them in silence, so that people believed they had trained with a
 * term that was off.
 */
export function ineffectiveSettings({ loss, model, data, task, dataset }: TrainConfig): Ineffective[] {
  const found: Ineffective[] = [];
  const add = (why: string, ...paths: string[]) => found.push(...paths.map((path) => ({ path, why })));
  const evidential = loss.lossFunction === 'edl';
  const likelihood = loss.edlType === 'log' || loss.edlType === 'digamma';
  const kl = evidential && (loss.withKl || loss.edlType === 'cross_entropy');
  const avu = evidential && loss.withAvu && likelihood && !kl;
  if (!evidential) {
    const why = `only the evidential loss has it, and the loss is ${loss.lossFunction}`;
    add(why, 'loss.edlType', 'loss.withKl', 'loss.withAvu', 'loss.disentangle', 'loss.lambdaRuc', 'loss.annealing');
  } else {
    if (loss.withAvu && !likelihood) add(`AvU belongs to log and digamma, and the loss is ${loss.edlType}`, 'loss.withAvu');
    else if (loss.withAvu && kl) add('beside KL, AvU is left out', 'loss.withAvu');
    if (loss.edlType === 'cross_entropy' && !loss.withKl) add('cross_entropy always has KL', 'loss.withKl');
    if (!avu) add('the loss has no AvU', 'loss.disentangle', 'loss.lambdaRuc');
    if (!avu && !kl) add('the loss has neither KL nor AvU', 'loss.annealing');
  }
  if (model.branch !== 'both') add(`only the ${model.branch} scores are used`, 'model.alpha');
  if (model.branch === 'global') add('only the global scores are used', 'model.topk');
  const { options = [] } = datasetRow(dataset);
  if (!options.includes('ferplusTest')) add(`only FER+ has two test parts, and the data set is ${dataset}`, 'data.ferplusTest');
  if (!options.includes('votes')) add(`${dataset} has no votes`, 'data.votes');
  else if (task === 'uafer' && data.votes === 'distribution') {
    add('pictures without a majority are added, but the losses of UA-FER take the label alone', 'data.votes');
  }
  return found;
}
