import { manualSeed, noGrad, ops, scope, type Tensor } from '../engine/index.js';
import type { ClipArchitecture } from './architecture.js';
import { clipShapes, VISION_PREFIX } from './shapes.js';

/**
 * Random weights by the rules of CLIP's release (Radford et al. 2021), by OpenAI's full names. The same seed gives the same
 * numbers; libtorch's generator is left where the draw ends.
 */
export function initializeClip(architecture: ClipArchitecture, seed: number): Record<string, Tensor> {
  manualSeed(seed);
  const shapes = Object.entries(clipShapes(architecture));
  const draw = ([name, shape]: (typeof shapes)[number]) => [name, initial(name, shape, architecture)] as const;
  return noGrad(() => scope(() => Object.fromEntries(shapes.map(draw))));
}

function initial(name: string, shape: readonly number[], architecture: ClipArchitecture): Tensor {
  if (name === 'logit_scale') return ops.full([], Math.log(1 / 0.07));
  if (/bias$|running_mean$/.test(name)) return ops.zeros(shape);
  if (/(ln_\w+|bn\d+)\.weight$|running_var$/.test(name)) return ops.ones(shape);
  return ops.mul(ops.randn(shape), deviation(name, shape, architecture));
}

function deviation(name: string, shape: readonly number[], { vision, text }: ClipArchitecture): number {
  const isVision = name.startsWith(VISION_PREFIX);
  const { width, layers } = (isVision ? vision : text) as { width: number; layers: number };
  const [, input, rows, columns] = shape;
  if (rows !== undefined) return Math.sqrt(2 / ((input as number) * rows * (columns as number))); // He et al. 2015, fan-in
  if (name === 'token_embedding.weight') return 0.02;
  if (name === 'positional_embedding') return 0.01;
  if (/\.(out_proj|c_proj)\.weight$/.test(name)) return width ** -0.5 * (2 * layers) ** -0.5;
  if (/\.c_fc\.weight$/.test(name)) return (2 * width) ** -0.5;
  return width ** -0.5;
}
