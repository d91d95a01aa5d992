import { variantsOf } from '../data/augment.js';
import { type DatasetRow, datasetRow } from '../data/datasets.js';
import type { TrainConfig } from './schema.js';
import { takesVotes } from './takesVotes.js';

/** A setting that changes nothing beside the others, and why. */
export interface Ineffective {
  path: string;
  why: string;
}

/**
 * Settings that decide nothing because of others. The original takes them in silence, so that people believed they had trained with a
 * term that was off.
 */
export function ineffectiveSettings(config: TrainConfig): Ineffective[] {
  return [...(config.task === 'pretrain' ? inPretraining(config) : inUaFer(config)), ...ofStem(config), ...ofData(config)];
}

/** Pre-training has a model and a loss of its own (`src/pretrain`). */
function inPretraining({ pretrain, loss, model }: TrainConfig): Ineffective[] {
  const why = 'pre-training has a loss and a model of its own';
  const paths = [
    ...Object.keys(loss).map((name) => `loss.${name}`),
    ...Object.keys(model).flatMap((name) => (name === 'topk' ? [] : [`model.${name}`])),
  ];
  const found = [...paths, 'data.mixup', 'data.countedVotes', 'data.cachePrefix', 'optimizer.gradientCheckpointing'].map(
    (path) => ({ path, why }),
  );
  if (pretrain?.localWeight === 0) found.push({ path: 'model.topk', why: 'the local affinities have no weight' });
  return found;
}

function inUaFer({ loss, model, data, dataset, optimizer }: TrainConfig): Ineffective[] {
  const found: Ineffective[] = [];
  const add = (why: string, ...paths: string[]) => found.push(...paths.map((path) => ({ path, why })));
  const evidential = loss.lossFunction === 'edl';
  const likelihood = loss.edlType === 'log' || loss.edlType === 'digamma';
  const fuses = model.fusion !== 'none';
  const kl = evidential && (loss.withKl || loss.edlType === 'cross_entropy');
  const avu = evidential && loss.withAvu && (fuses || (likelihood && !kl));
  if (!evidential) {
    const why = `only the evidential loss has it, and the loss is ${loss.lossFunction}`;
    add(
      why,
      'loss.edlType',
      'loss.evidence',
      'loss.withKl',
      'loss.withAvu',
      'loss.disentangle',
      'loss.lambdaRuc',
      'loss.annealing',
    );
  } else {
    if (fuses) add('evidence is fused, and not the scores', 'model.alpha');
    else if (loss.withAvu && !likelihood)
      add(`AvU belongs to log and digamma, and the loss is ${loss.edlType}`, 'loss.withAvu');
    else if (loss.withAvu && kl) add('beside KL, AvU is left out', 'loss.withAvu');
    if (loss.edlType === 'cross_entropy' && !loss.withKl) add('cross_entropy always has KL', 'loss.withKl');
    if (!avu) add('the loss has no AvU', 'loss.disentangle', 'loss.lambdaRuc');
    if (!avu && !kl) add('the loss has neither KL nor AvU', 'loss.annealing');
  }
  if (!fuses) add('opinions are not fused', 'loss.lambdaBranch');
  if (loss.lossFunction !== 'ce') add(`only ce has a choice, and the loss is ${loss.lossFunction}`, 'loss.target');
  if (loss.lossFunction !== 'dm') add('the loss is not the likelihood of the votes', 'data.countedVotes');
  const augment = data.augment === 'default' ? datasetRow(dataset).augment : data.augment;
  if (optimizer.fixLayer < 0) add('no block is frozen', 'data.cachePrefix');
  else if (data.mixup > 0) add('pictures are mixed', 'data.cachePrefix');
  else if (!Number.isFinite(variantsOf(augment)))
    add(`the augmentation ${augment} makes another picture in every epoch`, 'data.cachePrefix');
  if (loss.distillation === 'none') add('nothing is distilled', 'loss.lambdaKd');
  else if (loss.lambdaKd === 0) add('distillation has no weight', 'loss.distillation');
  if (model.branch !== 'both') add(`only the ${model.branch} scores are used`, 'model.alpha');
  if (model.branch === 'global') add('only the global scores are used', 'model.topk', 'model.patchProjection');
  if (hasOption(dataset, 'votes') && data.votes === 'distribution' && !takesVotes(loss))
    add(`pictures without a majority are added, but the loss ${loss.lossFunction} takes the label alone`, 'data.votes');
  return found;
}

function ofStem({ optimizer: { fixLayer, stemRate } }: TrainConfig): Ineffective[] {
  if (fixLayer >= 0)
    return ['stemRate', 'stemDecay', 'fixStem'].map((name) => ({
      path: `optimizer.${name}`,
      why: `--fix-layer ${fixLayer} freezes a stem as a whole`,
    }));
  return stemRate === 0 ? [{ path: 'optimizer.stemDecay', why: 'a stem has no rate' }] : [];
}

function ofData({ dataset, data, loss, task }: TrainConfig): Ineffective[] {
  const found: Ineffective[] = [];
  const add = (why: string, ...paths: string[]) => found.push(...paths.map((path) => ({ path, why })));
  if (!hasOption(dataset, 'ferplusTest'))
    add(`only FER+ has two test parts, and the data set is ${dataset}`, 'data.ferplusTest');
  if (!hasOption(dataset, 'votes')) add(`${dataset} has no votes`, 'data.votes', 'data.extraSmoothing');
  else if (data.extraPath === undefined) add('no pictures are added (--extra-path)', 'data.extraSmoothing');
  else if (task === 'uafer' && loss.target !== 'votes')
    add('only cross-entropy with the votes (--target votes) takes shares', 'data.extraSmoothing');
  if (!hasOption(dataset, 'subjectPattern')) add(`${dataset} is split by its owners`, 'data.subjectPattern');
  if (datasetRow(dataset).resize === 'square-bilinear')
    add(`pictures of ${dataset} are made square whatever their shape`, 'data.centerCrop');
  if (data.samplerPower !== undefined) add('--sampler-power decides how pictures are drawn', 'data.sampler', 'data.shuffle');
  else if (data.sampler === 'imbalanced') add('an imbalanced sampler draws at random', 'data.shuffle');
  else if (!data.shuffle) add('the order of the list is kept', 'data.sampler');
  return found;
}

function hasOption(dataset: string, option: NonNullable<DatasetRow['options']>[number]): boolean {
  return datasetRow(dataset).options?.includes(option) ?? false;
}
