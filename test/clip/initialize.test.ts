import { expect, it } from 'vitest';
import type { ClipArchitecture } from '#uafer/clip/architecture.js';
import { initializeClip } from '#uafer/clip/initialize.js';
import { scope, type Tensor, toArray } from '#uafer/engine/index.js';

const WIDTH = 256;
const LAYERS = 3;
const architecture: ClipArchitecture = {
  vision: {
    width: WIDTH,
    layers: LAYERS,
    heads: 4,
    patchSize: 4,
    imageSize: 32,
    stem: { kind: 'plain', channels: [32, 64, 96] },
  },
  text: { width: 128, layers: 2, heads: 2, contextLength: 40, vocabularySize: 1000 },
  embedDim: 96,
};
const weights = initializeClip(architecture, 7);
const block = 'visual.transformer.resblocks.1';
const textBlock = 'transformer.resblocks.0';

// The deviations of Radford et al.'s released code; of the stem, those of He et al. 2015.
it.each([
  ['visual.positional_embedding', WIDTH ** -0.5],
  ['visual.class_embedding', WIDTH ** -0.5],
  ['visual.proj', WIDTH ** -0.5],
  [`${block}.attn.in_proj_weight`, WIDTH ** -0.5],
  [`${block}.attn.out_proj.weight`, (WIDTH * 2 * LAYERS) ** -0.5],
  [`${block}.mlp.c_fc.weight`, (2 * WIDTH) ** -0.5],
  [`${block}.mlp.c_proj.weight`, (WIDTH * 2 * LAYERS) ** -0.5],
  ['visual.stem.conv2.weight', Math.sqrt(2 / (32 * 9))],
  ['visual.stem.proj.weight', Math.sqrt(2 / 96)],
  ['token_embedding.weight', 0.02],
  ['positional_embedding', 0.01],
  ['text_projection', 128 ** -0.5],
  [`${textBlock}.attn.in_proj_weight`, 128 ** -0.5],
  [`${textBlock}.mlp.c_proj.weight`, (128 * 2 * 2) ** -0.5],
])('draws %s around 0 with its deviation', (name, deviation) => {
  const values = toArray(weights[name] as Tensor);
  const mean = values.reduce((a, b) => a + b) / values.length;
  const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length;
  // Five standard errors of each estimate.
  expect(Math.abs(mean)).toBeLessThan((5 * deviation) / Math.sqrt(values.length));
  expect(Math.abs(Math.sqrt(variance) / deviation - 1)).toBeLessThan(5 / Math.sqrt(2 * values.length));
});

it.each([
  ['visual.ln_pre.weight', 1],
  ['visual.ln_pre.bias', 0],
  [`${block}.ln_2.weight`, 1],
  [`${block}.attn.in_proj_bias`, 0],
  [`${block}.attn.out_proj.bias`, 0],
  [`${block}.mlp.c_fc.bias`, 0],
  ['visual.stem.bn1.weight', 1],
  ['visual.stem.bn1.bias', 0],
  ['visual.stem.bn1.running_mean', 0],
  ['visual.stem.bn1.running_var', 1],
  ['ln_final.weight', 1],
  ['logit_scale', Math.fround(Math.log(1 / 0.07))],
])('starts %s at %f', (name, value) => {
  expect(new Set(toArray(weights[name] as Tensor))).toEqual(new Set([value]));
});

it('draws the same numbers from the same seed, others from another', () => {
  const name = 'visual.proj';
  const draw = (seed: number) => scope(() => toArray(initializeClip(architecture, seed)[name] as Tensor));
  expect(draw(7)).toEqual(toArray(weights[name] as Tensor));
  expect(draw(8)).not.toEqual(draw(7));
});

it('leaves the text tower out of a vision tower alone', () => {
  const names = Object.keys(initializeClip({ vision: architecture.vision, embedDim: 96 }, 0));
  expect(names.filter((name) => !name.startsWith('visual.'))).toEqual([]);
});
