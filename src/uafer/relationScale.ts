/**
 * From affinities to logits with a scale that is learned: cosines alone lie so near to each other that no evidence can be made of them, and
 * under the released normalisation uncertainty cannot fall (Zhou et al. 2024; CLIP's `logit_scale`, Radford et al. 2021).
 */
import type { Clip } from '../clip/towers.js';
import type { ModelConfig } from '../config/schema.js';
import { ops, scope, type Tensor } from '../engine/index.js';
import type { Affinities } from './mfd.js';

/** Largest factor, CLIP's own bound. */
const MAX_LOG_SCALE = Math.log(100);
/** Of weights that have none: where CLIP's training starts. */
const START = Math.log(1 / 0.07);

type Scaled = 'mixed' | 'global' | 'local';

/** Names of a scale's tensors in the state. */
const scaleName = (which: Scaled) => `relation.${which}.logit_scale`;
const shiftName = (which: Scaled) => `relation.${which}.shift`;

/** Which scores have a scale of their own: where opinions are fused each branch has, else their mixture. */
function scaledScores({ fusion, learnedScale }: ModelConfig): Scaled[] {
  if (!learnedScale) return [];
  return fusion === 'none' ? ['mixed'] : ['global', 'local'];
}

/** The tensors to train: the logarithm of the factor, from CLIP's, and the shift in cosines, from 0. */
export function createScales({ state }: Clip, config: ModelConfig): Record<string, Tensor> {
  const tensors = scaledScores(config).flatMap((which) => {
    const start = state.logit_scale ?? ops.full([], START);
    return [[scaleName(which), ops.clone(start)] as const, [shiftName(which), ops.zerosLike(start)] as const];
  });
  return Object.fromEntries(tensors);
}

/** Factor and shift of a score as numbers: exp(logit_scale) and shift; 1 and 0 where none is learned. */
export function scaleOf(state: Readonly<Record<string, Tensor>>, which: Scaled): { scale: number; shift: number } {
  const [logScale, shift] = [state[scaleName(which)], state[shiftName(which)]];
  if (!logScale || !shift) return { scale: 1, shift: 0 };
  return { scale: Math.exp(Math.min(MAX_LOG_SCALE, logScale.item())), shift: shift.item() };
}

/** exp(logit_scale) (score + shift) of each score (B, C) that has a scale. */
export function scaleAffinities(affinities: Affinities, state: Readonly<Record<string, Tensor>>): Affinities {
  const { logits, global, local } = affinities;
  return {
    logits: scaled(logits, 'mixed', state),
    global: global && scaled(global, 'global', state),
    local: local && scaled(local, 'local', state),
  };
}

function scaled(score: Tensor, which: Scaled, state: Readonly<Record<string, Tensor>>): Tensor {
  const [logScale, shift] = [state[scaleName(which)], state[shiftName(which)]];
  if (!logScale || !shift) return score;
  return scope(() => ops.mul(ops.add(score, shift), ops.exp(ops.clamp(logScale, null, MAX_LOG_SCALE))));
}
