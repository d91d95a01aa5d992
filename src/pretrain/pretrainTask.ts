import { isDeepStrictEqual } from 'node:util';
import { globalScore, localScore, unitLength } from '../clip/affinity.js';
import { type ClipArchitecture, headsOf } from '../clip/architecture.js';
import type { Classifier } from '../clip/classifier.js';
import { initializeClip } from '../clip/initialize.js';
import { readClip } from '../clip/readClip.js';
import { encodeText, type TextTower } from '../clip/text.js';
import { createTokenizer } from '../clip/tokenizer.js';
import { clipOf } from '../clip/towers.js';
import { encodeImage, type VisionTower } from '../clip/vision.js';
import type { PretrainConfig, TrainConfig } from '../config/schema.js';
import { preprocessingFor } from '../data/datasets.js';
import type { Batch, Dataset } from '../data/types.js';
import { noGrad, ops, scope, type Tensor, tensor } from '../engine/index.js';
import { UaferError } from '../errors.js';
import { softmaxPrediction } from '../task/softmaxPrediction.js';
import {
  type BatchPrediction,
  isRunningStatistic,
  type LossParts,
  type Model,
  type Moment,
  type ParameterGroup,
  type Task,
} from '../task/task.js';

/** CLIP keeps its logit scale below 100 (Radford et al. 2021, 2.5). */
const MAX_LOG_SCALE = Math.log(100);

/**
 * Image-text training of a small CLIP on labelled faces. The texts of a step are one sentence for each class; an image belongs to
 * them by its annotators' shares (its label, where there are none):
 *
 *     L = H(votes, softmax(s g T^T)) + localWeight H(votes, softmax(s local))
 *
 * with g the CLS feature, T the text features, s the learned scale and local the mean of the k largest patch affinities, so that
 * patches learn to speak of expressions too (UA-FER's local branch reads them). Soft targets over label sentences instead of one
 * caption an image: UniCL (Yang et al. 2022). A prediction reads the bare label names.
 */
export function createPretrainTask(config: TrainConfig, dataset: Dataset): Task {
  const pretrain = settingsOf(config);
  const clip = createSmallClip(pretrain, config);
  const sentences = pretrain.templates.map((template) => tokenized(template, dataset.classes, pretrain));
  return {
    ...answering(clip, config, dataset.classes),
    dataset,
    groups: groupsOf(clip.state, config.optimizer.weightDecay),
    loss: (batch, moment) => lossOf(clip, config, batch, sentenceAt(sentences, moment)),
  };
}

/** The network of pre-training alone. */
export function createPretrainModel(config: TrainConfig, classes: readonly string[]): Model & { classifier(): Classifier } {
  const pretrain = settingsOf(config);
  const clip = createSmallClip(pretrain, config);
  const names = tokenized('{class}', classes, pretrain);
  return {
    ...answering(clip, config, classes),
    classifier: () => ({
      architecture: clip.vision.architecture,
      embedDim: pretrain.embedDim,
      weights: clip.vision.weights,
      text: noGrad(() => scope(() => textFeatures(clip, names))),
      scores: {
        ...config.model,
        branch: 'global',
        normalizeScores: false,
        patchProjection: false,
        scale: Math.exp(clip.logitScale.item()),
      },
      answer: 'softmax',
    }),
  };
}

function answering(clip: TrainedClip, config: TrainConfig, classes: readonly string[]): Model {
  const pretrain = settingsOf(config);
  const names = tokenized('{class}', classes, pretrain);
  return {
    classes,
    preprocessing: preprocessingFor(config.dataset, pretrain.imageSize),
    state: clip.state,
    predict: (batch) => predictionOf(clip, batch, names),
  };
}

function settingsOf({ pretrain }: TrainConfig): PretrainConfig {
  if (pretrain) return pretrain;
  throw new UaferError('USAGE', 'Pre-training needs the settings of its model: use --recipe small-clip, or add `pretrain:`.');
}

/** A CLIP with both towers and its scale. */
interface TrainedClip {
  state: Record<string, Tensor>;
  vision: VisionTower;
  text: TextTower;
  /** Logarithm of the factor on cosines. */
  logitScale: Tensor;
}

/** Random weights by the seed, or those of `clipPath`, which must have the architecture that the settings describe. */
function createSmallClip(pretrain: PretrainConfig, { seed, device, clipPath }: TrainConfig): TrainedClip {
  const architecture = architectureOf(pretrain);
  const started = clipPath
    ? readClip(clipPath, { requireText: true })
    : clipOf(architecture, initializeClip(architecture, seed));
  if (!isDeepStrictEqual(started.architecture, architecture)) {
    throw new UaferError('CHECKPOINT', `${clipPath} has another architecture than the settings of \`pretrain\` describe.`);
  }
  const moved = Object.entries(started.state).map(([name, weight]) => [name, ops.toDevice(weight, device)] as const);
  const state = Object.fromEntries(moved);
  const { vision, text } = clipOf(architecture, state);
  return { state, vision, text: text as TextTower, logitScale: state.logit_scale as Tensor };
}

function architectureOf(pretrain: PretrainConfig): ClipArchitecture {
  const { stem, imageSize, embedDim, visionWidth, visionLayers, textWidth, textLayers, contextLength, vocabularySize } =
    pretrain;
  const patchSize = 2 ** (stem.length - 1);
  const vision = { width: visionWidth, layers: visionLayers, heads: headsOf(visionWidth), patchSize, imageSize, stem };
  const text = { width: textWidth, layers: textLayers, heads: headsOf(textWidth), contextLength, vocabularySize };
  return { vision, text, embedDim };
}

/** (C, contextLength) ids of a template with each class name in it. */
function tokenized(template: string, classes: readonly string[], { contextLength, vocabularySize }: PretrainConfig): Tensor {
  const tokenizer = createTokenizer({ vocabularySize });
  const texts = classes.map((name) => template.replaceAll('{class}', name));
  const { ids, shape } = tokenizer.tokenize(texts, { contextLength });
  return tensor(ids, shape);
}

/** The sentences take turns, so that a resumed run goes on with the right one. */
function sentenceAt(sentences: readonly Tensor[], { epoch, step, steps }: Moment): Tensor {
  return sentences[(epoch * steps + step) % sentences.length] as Tensor;
}

/** Decay for matrices and kernels, none for gains, biases and the scale. */
function groupsOf(state: Readonly<Record<string, Tensor>>, weightDecay: number): ParameterGroup[] {
  const names = Object.keys(state).filter((name) => !isRunningStatistic(name));
  const decays = (name: string) => (state[name] as Tensor).shape.length > 1;
  return [
    { names: names.filter(decays), lrScale: 1, weightDecay },
    { names: names.filter((name) => !decays(name)), lrScale: 1, weightDecay: 0 },
  ];
}

function lossOf(clip: TrainedClip, config: TrainConfig, batch: Batch, ids: Tensor): LossParts {
  const { device, model, pretrain } = config;
  const { localWeight } = pretrain as PretrainConfig;
  const images = tensor(batch.images, batch.shape, { device });
  const targets = targetsOf(batch, ids.shape[0] as number, device);
  const { cls, patches } = encodeImage(clip.vision, images, { trainStem: true });
  const text = unitLength(encodeText(clip.text, ops.toDevice(ids, device)), -1); // (C, D)
  const scale = ops.exp(ops.clamp(clip.logitScale, null, MAX_LOG_SCALE));
  const global = globalScore(unitLength(cls, -1), text); // (B, C)
  const local = localScore(unitLength(patches, -1), text, model.topk); // (B, C)
  const lossGlobal = crossEntropy(ops.mul(global, scale), targets);
  const lossLocal = crossEntropy(ops.mul(local, scale), targets);
  return {
    loss: ops.add(lossGlobal, lossLocal, localWeight),
    parts: { loss_global: lossGlobal, loss_local: lossLocal, scale: ops.detach(scale) },
  };
}

function predictionOf(clip: TrainedClip, batch: Batch, names: Tensor): BatchPrediction {
  const device = clip.logitScale.device;
  const { cls } = encodeImage(clip.vision, tensor(batch.images, batch.shape, { device }));
  const text = textFeatures(clip, names);
  const logits = ops.mul(globalScore(unitLength(cls, -1), text), ops.exp(clip.logitScale)); // (B, C)
  return softmaxPrediction(logits);
}

/** (C, D) of unit length. */
function textFeatures(clip: TrainedClip, names: Tensor): Tensor {
  return unitLength(encodeText(clip.text, ops.toDevice(names, clip.logitScale.device)), -1);
}

/** (B, C) the annotators' shares, or the label alone. */
function targetsOf({ votes, labels }: Batch, classes: number, device: string): Tensor {
  const rows = labels.length;
  if (votes) return tensor(votes, [rows, classes], { device });
  return ops.toDtype(ops.oneHot(tensor(labels, [rows], { device }), classes), 'float32');
}

/** Mean over the batch of -sum_c target_c log softmax(logits)_c. */
function crossEntropy(logits: Tensor, targets: Tensor): Tensor {
  return ops.neg(ops.mean(ops.sum(ops.mul(targets, ops.logSoftmax(ops.toDtype(logits, 'float32'), 1)), 1)));
}
