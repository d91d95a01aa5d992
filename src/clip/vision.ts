import { ops, scope, type Tensor } from '../engine/index.js';
import type { VisionArchitecture } from './architecture.js';
import { norm, runBlockForCls, runBlocks, type Weights, weight } from './block.js';
import { runStem, type StemOptions } from './stem.js';
import { POOLED, type Tap } from './taps.js';

export interface VisionTower {
  architecture: VisionArchitecture;
  /** By OpenAI's names without `visual.`. */
  weights: Weights;
}

export interface ImageFeatures {
  /** (B, D) feature of the class token, not normalised. */
  cls: Tensor;
  /** (B, N, D) features of the patches, not normalised. */
  patches: Tensor;
}

export interface EncodeOptions {
  /** How batch normalisation of a convolutional stem behaves. */
  stem?: StemOptions;
  /** Told what each layer makes. */
  tap?: Tap | undefined;
}

/** Images (B, 3, S, S), normalised, to features. As in UA-FER, `ln_post` and the projection apply to every token, not to CLS alone. */
export function encodeImage(tower: VisionTower, images: Tensor, options: EncodeOptions = {}): ImageFeatures {
  return scope(() => {
    const tokens = throughBlocks(tower, embed(tower, images, options), { tap: options.tap });
    return projectTokens(tower, finalNorm(tower, tokens, options.tap));
  });
}

/** The tokens that enter the first block: patches (a convolution, or the stem), class token, positions, `ln_pre`. */
export function embed({ architecture, weights }: VisionTower, images: Tensor, { stem = {}, tap }: EncodeOptions = {}): Tensor {
  return scope(() => {
    const grid = architecture.stem
      ? runStem(weights, architecture.stem, images, { ...stem, tap })
      : ops.conv2d(images, weight(weights, 'conv1.weight'), null, architecture.patchSize); // (B, W, G, G)
    const [batch, width, rows, columns] = grid.shape as [number, number, number, number];
    const patches = ops.transpose(ops.reshape(grid, [batch, width, rows * columns]), 1, 2); // (B, N, W)
    const cls = ops.expand(ops.reshape(weight(weights, 'class_embedding'), [1, 1, width]), [batch, 1, width]);
    const tokens = ops.add(ops.cat([cls, patches], 1), weight(weights, 'positional_embedding')); // (B, N + 1, W)
    return norm(weights, 'ln_pre', tokens);
  });
}

interface Blocks {
  from?: number;
  to?: number;
  tap?: Tap | undefined;
}

/** Tokens (B, N + 1, W) through the blocks `from` to `to` (exclusive; all, when left out). */
export function throughBlocks(
  { architecture, weights }: VisionTower,
  tokens: Tensor,
  { from = 0, to, tap }: Blocks = {},
): Tensor {
  const { heads, layers } = architecture;
  return runBlocks(weights, tokens, from, to ?? layers, { heads, causal: false, tap });
}

/**
 * The class token's feature (B, D) alone, not normalised, of tokens (B, N + 1, W) that enter block `from`: the last block isn't computed for the
 * patches, nor are they normalised and projected. The numbers are those of `encodeImage` but for rounding.
 */
export function encodeCls(tower: VisionTower, tokens: Tensor, from = 0): Tensor {
  return scope(() => {
    const { heads, layers } = tower.architecture;
    const last = layers - 1;
    const cls =
      from > last
        ? ops.slice(tokens, 1, 0, 1)
        : runBlockForCls(tower.weights, throughBlocks(tower, tokens, { from, to: last }), last, heads); // (B, 1, W)
    return projectTokens(tower, finalNorm(tower, cls)).cls;
  });
}

/** `ln_post` of every token; `tap` is told of the class token. */
export function finalNorm({ weights }: VisionTower, tokens: Tensor, tap?: Tap): Tensor {
  const normed = norm(weights, 'ln_post', tokens);
  if (tap) scope(() => tap(POOLED, ops.select(normed, 1, 0)));
  return normed;
}

/** Normalised tokens (B, N + 1, W) to the space of the texts. */
export function projectTokens({ weights }: VisionTower, normed: Tensor): ImageFeatures {
  return scope(() => {
    const projected = ops.matmul(normed, weight(weights, 'proj')); // (B, N + 1, D)
    return { cls: ops.select(projected, 1, 0), patches: ops.slice(projected, 1, 1, null) };
  });
}
