import { manualSeed, noGrad, ops, scope, type Tensor } from '../engine/index.js';
import type { ClipArchitecture, TextArchitecture, VisionArchitecture } from './architecture.js';

type Made = Record<string, Tensor>;

/**
 * Random weights by the rules of CLIP's release (Radford et al. 2021), by OpenAI's full names. The same seed gives the same
 * numbers; libtorch's generator is left where the draw ends.
 */
export function initializeClip(architecture: ClipArchitecture, seed: number): Record<string, Tensor> {
  manualSeed(seed);
  const { vision, text, embedDim } = architecture;
  const towers = noGrad(() =>
    scope(() => ({ ...prefixed(visionWeights(vision, embedDim), 'visual.'), ...(text ? textWeights(text, embedDim) : {}) })),
  );
  return { ...towers, logit_scale: ops.full([], Math.log(1 / 0.07)) };
}

function prefixed(weights: Made, prefix: string): Made {
  return Object.fromEntries(Object.entries(weights).map(([name, tensor]) => [prefix + name, tensor]));
}

function visionWeights(vision: VisionArchitecture, embedDim: number): Made {
  const { width, layers, patchSize, imageSize, stem } = vision;
  const scale = width ** -0.5;
  const tokens = (imageSize / patchSize) ** 2 + 1;
  return {
    ...(stem ? stemWeights(stem, width) : { 'conv1.weight': kernel([width, 3, patchSize, patchSize]) }),
    class_embedding: normal([width], scale),
    positional_embedding: normal([tokens, width], scale),
    ...layerNormWeights('ln_pre', width),
    ...blockWeights(width, layers),
    ...layerNormWeights('ln_post', width),
    proj: normal([width, embedDim], scale),
  };
}

function textWeights({ width, layers, contextLength, vocabularySize }: TextArchitecture, embedDim: number): Made {
  return {
    'token_embedding.weight': normal([vocabularySize, width], 0.02),
    positional_embedding: normal([contextLength, width], 0.01),
    ...blockWeights(width, layers),
    ...layerNormWeights('ln_final', width),
    text_projection: normal([width, embedDim], width ** -0.5),
  };
}

function stemWeights(channels: readonly number[], width: number): Made {
  const made: Made = {};
  channels.forEach((output, i) => {
    made[`stem.conv${i + 1}.weight`] = kernel([output, channels[i - 1] ?? 3, 3, 3]);
    Object.assign(made, layerNormWeights(`stem.bn${i + 1}`, output));
    made[`stem.bn${i + 1}.running_mean`] = ops.zeros([output]);
    made[`stem.bn${i + 1}.running_var`] = ops.ones([output]);
  });
  made['stem.proj.weight'] = kernel([width, channels.at(-1) as number, 1, 1]);
  return made;
}

function blockWeights(width: number, layers: number): Made {
  const projection = width ** -0.5 * (2 * layers) ** -0.5;
  const made: Made = {};
  for (let i = 0; i < layers; i++) {
    const name = `transformer.resblocks.${i}`;
    Object.assign(made, {
      [`${name}.attn.in_proj_weight`]: normal([3 * width, width], width ** -0.5),
      [`${name}.attn.in_proj_bias`]: ops.zeros([3 * width]),
      [`${name}.attn.out_proj.weight`]: normal([width, width], projection),
      [`${name}.attn.out_proj.bias`]: ops.zeros([width]),
      ...layerNormWeights(`${name}.ln_1`, width),
      [`${name}.mlp.c_fc.weight`]: normal([4 * width, width], (2 * width) ** -0.5),
      [`${name}.mlp.c_fc.bias`]: ops.zeros([4 * width]),
      [`${name}.mlp.c_proj.weight`]: normal([width, 4 * width], projection),
      [`${name}.mlp.c_proj.bias`]: ops.zeros([width]),
      ...layerNormWeights(`${name}.ln_2`, width),
    });
  }
  return made;
}

/** Gain 1 and bias 0, which layer and batch normalisation start from. */
function layerNormWeights(name: string, width: number): Made {
  return { [`${name}.weight`]: ops.ones([width]), [`${name}.bias`]: ops.zeros([width]) };
}

function normal(shape: readonly number[], deviation: number): Tensor {
  return ops.mul(ops.randn(shape), deviation);
}

/** A convolution's weights: normal with the deviation of He et al. 2015 (fan-in). */
function kernel(shape: readonly [number, number, number, number]): Tensor {
  const [, input, height, width] = shape;
  return normal(shape, Math.sqrt(2 / (input * height * width)));
}
