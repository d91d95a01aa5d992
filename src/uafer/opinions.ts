/** The two branches' opinions about a picture and what they say together (Zhou et al. 2024). */
import type { TrainConfig } from '../config/schema.js';
import { ops, scope, type Tensor } from '../engine/index.js';
import { UaferError } from '../errors.js';
import { type Dirichlet, dirichlet } from './evidence.js';
import { fuse } from './fusion.js';
import type { Affinities } from './mfd.js';

export interface Opinions {
  fused: Dirichlet;
  /** Of the CLS feature. */
  global: Dirichlet;
  /** Of the most similar patches. */
  local: Dirichlet;
}

/** Whether each branch gives an opinion of its own. Throws `USAGE` where that is asked for and the other settings have no opinions. */
export function fusesOpinions({ model, loss }: Pick<TrainConfig, 'model' | 'loss'>): boolean {
  if (model.fusion === 'none') return false;
  if (loss.lossFunction !== 'edl')
    throw new UaferError(
      'USAGE',
      `--fusion ${model.fusion} fuses evidence: expected --loss-function edl, got ${loss.lossFunction}.`,
    );
  if (model.branch !== 'both')
    throw new UaferError('USAGE', `--fusion ${model.fusion} takes both branches: expected --branch both, got ${model.branch}.`);
  return true;
}

/** Evidence from each branch's scores (B, C), and its fusion. In fp32 also under autocast. */
export function opinionsOf({ global, local }: Affinities, { model, loss }: Pick<TrainConfig, 'model' | 'loss'>): Opinions {
  const { fusion } = model;
  if (!global || !local || fusion === 'none') throw new RangeError('opinions are fused of both branches');
  return scope(() => {
    const own = (score: Tensor) => dirichlet(ops.toDtype(score, 'float32'), loss.evidence);
    const [first, second] = [own(global), own(local)];
    return { fused: fuse(fusion, first, second), global: first, local: second };
  });
}
