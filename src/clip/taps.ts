/** What a vision tower makes on the way to its answer, for scores that look at it. */
import { ops, scope, type Tensor } from '../engine/index.js';
import type { VisionArchitecture } from './architecture.js';

/**
 * Is told what each layer made: of a stem's layers (B, W, H, W), of blocks tokens (B, N + 1, W), of `pooled` (B, W). The tensors end with the
 * scope that they were made in, so that what is wanted of one is copied at once.
 */
export type Tap = (layer: string, made: Tensor) => void;

/** The class token after the last normalisation, before the projection. */
export const POOLED = 'pooled';

/** The names of the layers, the first one first: `stem.1` and on, where there is a stem; `block.1` and on; `pooled`. */
export function featureLayers({ stem, layers }: VisionArchitecture): string[] {
  const numbered = (name: string, count: number) => Array.from({ length: count }, (_, i) => `${name}.${i + 1}`);
  return [...numbered('stem', stem?.channels.length ?? 0), ...numbered('block', layers), POOLED];
}

/** Of a long stem the last layer that still sees how a picture is made; beyond it layers see more of what it shows. */
const EARLY_STEM = 5;

/**
 * Two layers, which see together that a picture is spoilt: of a stem its fifth (the last one of a shorter stem) with the first block, without one
 * the first two blocks. The fifth was chosen among the twelve of the face recognition net by nine kinds of damage that are not those of
 * `src/corruptions` (turned over, inverted, few greys, specks, pieces exchanged, fog, shade, stripes, shifted).
 */
export function earlyLayers({ stem, layers }: VisionArchitecture): string[] {
  if (stem) return [`stem.${Math.min(EARLY_STEM, stem.channels.length)}`, 'block.1'];
  return layers > 1 ? ['block.1', 'block.2'] : ['block.1'];
}

/** Numbers of a picture that a layer has. */
export type LayerMeans = Record<string, Float32Array>;

/**
 * Takes the means of layers, (B, W) each: of a stem's layer over the picture, of a block over its patches (the class token left out); of
 * `pooled` the token itself. In single precision.
 */
export function createFeatureTap(wanted: readonly string[]): { tap: Tap; taken: LayerMeans } {
  const taken: LayerMeans = {};
  const tap: Tap = (layer, made) => {
    if (!wanted.includes(layer)) return;
    taken[layer] = scope(() => {
      const means = ops.contiguous(meanOver(ops.toDtype(made, 'float32')));
      return Float32Array.from(means.data() as Float32Array);
    });
  };
  return { tap, taken };
}

function meanOver(features: Tensor): Tensor {
  const [pictures, width] = features.shape as [number, number];
  if (features.shape.length === 2) return features; // (B, W)
  if (features.shape.length === 4) return ops.mean(ops.reshape(features, [pictures, width, -1]), 2); // (B, W, H, W)
  return ops.mean(ops.slice(features, 1, 1, null), 1); // (B, N + 1, W)
}
