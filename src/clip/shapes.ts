import type { ClipArchitecture, Stem, TextArchitecture, VisionArchitecture } from './architecture.js';
import { stemConvolutions } from './stem.js';

/** Shapes of tensors by their names, in the order in which a model is initialised. */
export type Shapes = Record<string, readonly number[]>;

export const VISION_PREFIX = 'visual.';

/** Every tensor of a CLIP of this architecture by OpenAI's full name. The scale of the logits belongs to the texts. */
export function clipShapes({ vision, text, embedDim }: ClipArchitecture): Shapes {
  const visual = Object.entries(visionShapes(vision, embedDim)).map(([name, shape]) => [VISION_PREFIX + name, shape] as const);
  return { ...Object.fromEntries(visual), ...(text ? textShapes(text, embedDim) : {}) };
}

function visionShapes({ width, layers, patchSize, imageSize, stem }: VisionArchitecture, embedDim: number): Shapes {
  return {
    ...(stem ? stemShapes(stem, width) : { 'conv1.weight': [width, 3, patchSize, patchSize] }),
    class_embedding: [width],
    positional_embedding: [(imageSize / patchSize) ** 2 + 1, width],
    ...normShapes('ln_pre', width),
    ...blockShapes(width, layers),
    ...normShapes('ln_post', width),
    proj: [width, embedDim],
  };
}

function textShapes({ width, layers, contextLength, vocabularySize }: TextArchitecture, embedDim: number): Shapes {
  return {
    'token_embedding.weight': [vocabularySize, width],
    positional_embedding: [contextLength, width],
    ...blockShapes(width, layers),
    ...normShapes('ln_final', width),
    text_projection: [width, embedDim],
    logit_scale: [],
  };
}

function stemShapes(stem: Stem, width: number): Shapes {
  const convolutions = stemConvolutions(stem).map(({ inputs, outputs, side, depthwise }, i) => ({
    [`stem.conv${i + 1}.weight`]: [outputs, depthwise ? 1 : inputs, side, side],
    ...normShapes(`stem.bn${i + 1}`, outputs),
    [`stem.bn${i + 1}.running_mean`]: [outputs],
    [`stem.bn${i + 1}.running_var`]: [outputs],
  }));
  return Object.assign({}, ...convolutions, { 'stem.proj.weight': [width, stem.channels.at(-1) as number, 1, 1] });
}

function blockShapes(width: number, layers: number): Shapes {
  const blocks = Array.from({ length: layers }, (_, i) => {
    const name = `transformer.resblocks.${i}`;
    return {
      [`${name}.attn.in_proj_weight`]: [3 * width, width],
      [`${name}.attn.in_proj_bias`]: [3 * width],
      [`${name}.attn.out_proj.weight`]: [width, width],
      [`${name}.attn.out_proj.bias`]: [width],
      ...normShapes(`${name}.ln_1`, width),
      [`${name}.mlp.c_fc.weight`]: [4 * width, width],
      [`${name}.mlp.c_fc.bias`]: [4 * width],
      [`${name}.mlp.c_proj.weight`]: [width, 4 * width],
      [`${name}.mlp.c_proj.bias`]: [width],
      ...normShapes(`${name}.ln_2`, width),
    };
  });
  return Object.assign({}, ...blocks);
}

function normShapes(name: string, width: number): Shapes {
  return { [`${name}.weight`]: [width], [`${name}.bias`]: [width] };
}
