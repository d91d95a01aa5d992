/** Multi-granularity feature decoupling (MFD): global and local affinities of an image to the class texts (Zhou et al. 2024). */
import { globalScore, localScore, unitLength } from '../clip/affinity.js';
import type { ModelConfig } from '../config/schema.js';
import { autocast, ops, scope, type Tensor } from '../engine/index.js';

/** Dimension of the classes in (B, C). */
const CLASSES = 1;

export type MfdOptions = Pick<ModelConfig, 'alpha' | 'topk' | 'branch' | 'normalizeScores'>;

export interface Affinities {
  /** (B, C) what the evidence is made of: in [-1, 1] when the scores are normalised. */
  logits: Tensor;
  /** (B, C) of the CLS feature; null in the ablation `local`. */
  global: Tensor | null;
  /** (B, C) of the most similar patches; null in the ablation `global`. */
  local: Tensor | null;
}

/**
 * logits = alpha local + (1 - alpha) global, each L2-normalised over the classes where `normalizeScores` says so; the ablations
 * `global` and `local` are one of the two alone. Autocast does not reach in: scores are small differences, and bf16 has 8 bits.
 *
 * @param cls (B, D) CLS features of unit length
 * @param patches (B, N, D) patch features of unit length
 * @param text (C, D) text features
 */
export function affinities(cls: Tensor, patches: Tensor, text: Tensor, options: MfdOptions): Affinities {
  const { alpha, topk, branch, normalizeScores } = options;
  const prepared = (score: Tensor) => (normalizeScores ? unitLength(score, CLASSES) : score);
  const scored = () => {
    const local = branch === 'global' ? null : prepared(localScore(patches, text, topk));
    const global = branch === 'local' ? null : prepared(globalScore(cls, text));
    const logits = local && global ? ops.add(ops.mul(local, alpha), ops.mul(global, 1 - alpha)) : ((local ?? global) as Tensor);
    return { logits, global, local };
  };
  return scope(() => autocast({ device: cls.device, dtype: null }, scored));
}
