import { ops, scope, type Tensor } from '../engine/index.js';
import type { TextArchitecture } from './architecture.js';
import { norm, runBlocks, type Weights, weight } from './block.js';

export interface TextTower {
  architecture: TextArchitecture;
  /** By OpenAI's names. */
  weights: Weights;
}

/** Token ids (C, contextLength), int64, to features (C, D), not normalised, read at the end-of-text token (the largest id). */
export function encodeText({ architecture, weights }: TextTower, ids: Tensor): Tensor {
  return scope(() => {
    const embedded = ops.embedding(weight(weights, 'token_embedding.weight'), ids); // (C, L, W)
    const tokens = ops.add(embedded, weight(weights, 'positional_embedding'));
    const options = { heads: architecture.heads, causal: true };
    const hidden = norm(weights, 'ln_final', runBlocks(weights, tokens, 0, architecture.layers, options));
    const [texts, , width] = hidden.shape as [number, number, number];
    const end = ops.expand(ops.reshape(ops.argmax(ids, 1), [texts, 1, 1]), [texts, 1, width]);
    return ops.matmul(ops.squeeze(ops.gather(hidden, 1, end), 1), weight(weights, 'text_projection')); // (C, D)
  });
}
