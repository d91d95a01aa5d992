import type { Tensor } from '../engine/index.js';
import type { VisionArchitecture } from './architecture.js';
import type { Weights } from './block.js';

/**
 * What answers which class a picture belongs to, from affinities of the picture's features to the classes' texts: UA-FER and plain CLIP
 * alike. Everything that an export needs, and nothing of training.
 */
export interface Classifier {
  architecture: VisionArchitecture;
  /** D: width of the space that images and texts share. */
  embedDim: number;
  /** The vision tower by OpenAI's names without `visual.`; with `patchProjection` also `projection.*`. */
  weights: Weights;
  /** (C, D) text features as answers compare with them. */
  text: Tensor;
  /** logits = scale (alpha local + (1 - alpha) global + shift); see `src/uafer/mfd.ts`. */
  scores: {
    alpha: number;
    topk: number;
    branch: 'both' | 'global' | 'local';
    normalizeScores: boolean;
    patchProjection: boolean;
    scale: number;
    shift: number;
  };
  /** Where each branch gives evidence of scale (score + shift), fused by a rule (`src/uafer/fusion.ts`): logits are then the logarithms of its alpha. */
  fusion: null | {
    rule: 'dempster' | 'cumulative' | 'average';
    global: { scale: number; shift: number };
    local: { scale: number; shift: number };
  };
  /** From logits to probabilities: softmax, or evidence of a Dirichlet distribution with a = e + 1. */
  answer: 'softmax' | 'relu' | 'exp' | 'softplus';
}
