import { unitLength } from '../clip/affinity.js';
import type { Weights } from '../clip/block.js';
import type { Tap } from '../clip/taps.js';
import { encodeText } from '../clip/text.js';
import { createTokenizer } from '../clip/tokenizer.js';
import type { Clip } from '../clip/towers.js';
import { embed, finalNorm, projectTokens, throughBlocks, type VisionTower } from '../clip/vision.js';
import type { ModelConfig } from '../config/schema.js';
import { noGrad, ops, scope, type Tensor, tensor } from '../engine/index.js';
import { UaferError } from '../errors.js';
import { type Affinities, affinities } from './mfd.js';
import { classTemplates } from './prompts.js';
import { createScales, scaleAffinities } from './relationScale.js';

/** Name of `visual.proj` in the original's checkpoints. */
const PROJECTION = 'projection_dist';
const FEATURES = -1;

/** UA-FER's network: the vision tower that is trained, and the text features that it is compared with. */
export interface UaFer {
  config: ModelConfig;
  /** Trained and frozen tensors by the original's names (`conv1.weight`, ..., `projection_dist`). */
  state: Record<string, Tensor>;
  tower: VisionTower;
  /** Class prompts through the frozen text tower, once: (C, D) as they come, and of unit length. */
  text: { raw: Tensor; unit: Tensor };
}

/** What the network says of a batch. */
export interface UaFerOutput extends Affinities {
  /** (B, D) CLS features of unit length, which distillation compares with the teacher's. */
  cls: Tensor;
}

/**
 * UA-FER from CLIP weights (on the device where they shall stay). Throws `USAGE` when the prompts don't fit the weights: no text
 * tower, or more patches asked for (`topk`) than there are.
 */
export function createUaFer(clip: Clip, classes: readonly string[], config: ModelConfig): UaFer {
  const { imageSize, patchSize } = clip.architecture.vision;
  const patches = (imageSize / patchSize) ** 2;
  if (config.topk > patches) {
    throw new UaferError('USAGE', `--topk ${config.topk}: these CLIP weights make ${patches} patches of a picture.`);
  }
  const state = {
    ...originalNames(clip.vision.weights),
    ...(config.patchProjection ? patchProjection(clip) : {}),
    ...createScales(clip, config),
  };
  return { config, state, tower: towerOf(clip.vision, state), text: classTexts(clip, classes, config.prompt) };
}

/** The tower's tensors by the original's names, in the order in which it lists its parameters: its groups follow from that. */
function originalNames(weights: Weights): Record<string, Tensor> {
  const { class_embedding, positional_embedding, proj, ...rest } = weights as Record<string, Tensor>;
  return { class_embedding, positional_embedding, [PROJECTION]: proj, ...rest } as Record<string, Tensor>;
}

/** The same tower over other tensors with the original's names. */
export function towerOf({ architecture }: VisionTower, state: Readonly<Record<string, Tensor>>): VisionTower {
  return { architecture, weights: { ...state, proj: state[PROJECTION] as Tensor } };
}

/** Text features of the class prompts, of the bare names in the released code; of several templates the mean of their features of unit length. */
export function classTexts(clip: Clip, classes: readonly string[], prompt: string): UaFer['text'] {
  const { text } = clip;
  if (!text)
    throw new UaferError('USAGE', 'These weights have no text tower: give CLIP weights that have one with --clip-path.');
  const { contextLength, vocabularySize } = text.architecture;
  const tokenizer = createTokenizer({ vocabularySize });
  const device = (clip.vision.weights.class_embedding as Tensor).device;
  const featuresOf = (template: string) => {
    const prompts = classes.map((name) => template.replaceAll('{class}', name));
    const { ids, shape } = tokenizer.tokenize(prompts, { contextLength });
    return encodeText(text, tensor(ids, shape, { device }));
  };
  return noGrad(() =>
    scope(() => {
      const features = classTemplates(prompt).map(featuresOf);
      const raw =
        features.length === 1 ? (features[0] as Tensor) : mean(features.map((feature) => unitLength(feature, FEATURES)));
      return { raw, unit: unitLength(raw, FEATURES) };
    }),
  );
}

function mean(tensors: readonly Tensor[]): Tensor {
  return ops.div(
    tensors.reduce((total, x) => ops.add(total, x)),
    tensors.length,
  );
}

/** The ablation's own projection of the patches, width to D: Linear, Tanh, Linear, initialised as PyTorch initialises them. */
function patchProjection(clip: Clip): Record<string, Tensor> {
  const { vision, embedDim } = clip.architecture;
  const device = (clip.vision.weights.class_embedding as Tensor).device;
  const uniform = (shape: readonly number[], fanIn: number) => {
    const bound = 1 / Math.sqrt(fanIn);
    return scope(() => ops.toDevice(ops.add(ops.mul(ops.rand(shape), 2 * bound), -bound), device));
  };
  return {
    'projection.fc1.weight': uniform([embedDim, vision.width], vision.width),
    'projection.fc1.bias': uniform([embedDim], vision.width),
    'projection.fc2.weight': uniform([embedDim, embedDim], embedDim),
    'projection.fc2.bias': uniform([embedDim], embedDim),
  };
}

/** Images (B, 3, S, S) to affinities. `text` (C, D) is `model.text.unit` in training; `tap` is told what each layer makes. */
export function forward(model: UaFer, images: Tensor, text: Tensor, tap?: Tap): UaFerOutput {
  return scope(() => {
    const tokens = throughBlocks(model.tower, embed(model.tower, images, { tap }), { tap });
    return forwardTokens(model, tokens, text, tap);
  });
}

/** The part of `forward` after the last block: tokens (B, N + 1, W) to affinities. */
export function forwardTokens(model: UaFer, tokens: Tensor, text: Tensor, tap?: Tap): UaFerOutput {
  return scope(() => {
    const { cls, patches } = unitFeatures(model, tokens, tap);
    return { ...scaleAffinities(affinities(cls, patches, text, model.config), model.state), cls };
  });
}

/** Tokens (B, N + 1, W) after the last block to features of unit length, which are compared with texts: CLS (B, D) and patches (B, N, D). */
export function unitFeatures({ config, state, tower }: UaFer, tokens: Tensor, tap?: Tap): { cls: Tensor; patches: Tensor } {
  return scope(() => {
    const normed = finalNorm(tower, tokens, tap);
    const { cls, patches } = projectTokens(tower, normed);
    const local = config.patchProjection ? projectPatches(state, ops.slice(normed, 1, 1, null)) : patches;
    return { cls: unit(cls), patches: unit(local) };
  });
}

/** (B, N, W) to (B, N, D). */
function projectPatches(state: Readonly<Record<string, Tensor>>, patches: Tensor): Tensor {
  const part = (name: string) => state[`projection.${name}`] as Tensor;
  const hidden = ops.tanh(ops.linear(patches, part('fc1.weight'), part('fc1.bias')));
  return ops.linear(hidden, part('fc2.weight'), part('fc2.bias'));
}

/** Unit length over the features, in fp32 also under autocast: the scores that follow are small differences. */
function unit(x: Tensor): Tensor {
  return scope(() => unitLength(ops.toDtype(x, 'float32'), FEATURES));
}
