import { isDeepStrictEqual } from 'node:util';
import { globalScore, localScore, patchAffinities, unitLength } from '../clip/affinity.js';
import { type ClipArchitecture, headsOf, type Stem } from '../clip/architecture.js';
import type { Classifier } from '../clip/classifier.js';
import { initializeClip } from '../clip/initialize.js';
import { readClip } from '../clip/readClip.js';
import { VISION_PREFIX } from '../clip/shapes.js';
import { type StemOptions, stemConvolutions, stemStride } from '../clip/stem.js';
import { createFeatureTap, type Tap } from '../clip/taps.js';
import { encodeText, type TextTower } from '../clip/text.js';
import { createTokenizer } from '../clip/tokenizer.js';
import { clipOf } from '../clip/towers.js';
import { encodeImage, type VisionTower } from '../clip/vision.js';
import type { OptimizerConfig, PretrainConfig, TrainConfig } from '../config/schema.js';
import { preprocessingFor } from '../data/datasets.js';
import { classWeights } from '../data/sampler.js';
import type { Batch, Dataset } from '../data/types.js';
import { noGrad, ops, scope, type Tensor, tensor } from '../engine/index.js';
import { UaferError } from '../errors.js';
import { heatmapsOf } from '../task/heatmaps.js';
import { mixingShare, mixRows } from '../task/mixup.js';
import { parameterGroups } from '../task/parameterGroups.js';
import { picturesOf } from '../task/pictures.js';
import { softCrossEntropy } from '../task/softCrossEntropy.js';
import { floats, softmaxPrediction } from '../task/softmaxPrediction.js';
import {
  type BatchPrediction,
  isRunningStatistic,
  type LossParts,
  type Model,
  type Moment,
  type ParameterGroup,
  type Share,
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
  const settings = lossSettings(config, dataset);
  return {
    ...answering(clip, config, dataset.classes),
    dataset,
    groups: groupsOf(clip, config.optimizer),
    takesBytes: true,
    loss: (batch, moment, share) =>
      lossOf(clip, mixed(batch, config, dataset.classes.length, moment), sentenceAt(sentences, moment), settings, share),
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
        shift: 0,
      },
      fusion: null,
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
    predict: (batch, layers = []) => {
      const { tap, taken } = createFeatureTap(layers);
      return { ...predictionOf(clip, batch, names, tap), layers: taken };
    },
    heatmaps: (batch) => heatmapsOf(localAffinities(clip, batch, names), { topk: config.model.topk, classes }),
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
  const architecture = pretrainArchitecture(pretrain);
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

export function pretrainArchitecture(pretrain: PretrainConfig): ClipArchitecture {
  const { imageSize, embedDim, visionWidth, visionLayers, textWidth, textLayers, contextLength, vocabularySize } = pretrain;
  const channels = pretrain.stem;
  const kind = pretrain.stemKind ?? 'plain';
  const patchSize = stemStride({ kind, channels });
  if (kind === 'residual' && patchSize === 1) {
    throw new UaferError(
      'USAGE',
      'pretrain.stem: a residual stem makes a picture smaller where its width changes, and all of its widths are the same.',
    );
  }
  if (imageSize % patchSize !== 0) {
    throw new UaferError(
      'USAGE',
      `pretrain.imageSize: expected a multiple of ${patchSize}, by which the stem makes a picture smaller, got ${imageSize}.`,
    );
  }
  const vision = {
    width: visionWidth,
    layers: visionLayers,
    heads: headsOf(visionWidth),
    patchSize,
    imageSize,
    stem: { kind, channels },
  };
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

/** The vision tower by its depth, the text tower as a whole: decay for matrices and kernels, none for gains, biases and the scale. */
function groupsOf({ state, vision }: TrainedClip, optimizer: OptimizerConfig): ParameterGroup[] {
  const names = Object.keys(state).filter((name) => !isRunningStatistic(name));
  const shapeOf = (name: string) => (state[name] as Tensor).shape;
  const seen = names.filter((name) => name.startsWith(VISION_PREFIX));
  const shapes = Object.fromEntries(seen.map((name) => [name.slice(VISION_PREFIX.length), shapeOf(name)]));
  const { layers, stem } = vision.architecture;
  const stemLayers = stemConvolutions(stem as Stem).map(({ layer }) => layer);
  const { groups } = parameterGroups(shapes, { ...optimizer, layers, stemLayers });
  const read = names.filter((name) => !name.startsWith(VISION_PREFIX));
  const decays = (name: string) => shapeOf(name).length > 1;
  return [
    ...groups.map((group) => ({ ...group, names: group.names.map((name) => VISION_PREFIX + name) })),
    { names: read.filter(decays), lrScale: 1, weightDecay: optimizer.weightDecay },
    { names: read.filter((name) => !decays(name)), lrScale: 1, weightDecay: 0 },
  ];
}

/** What the loss needs beside the pictures. */
interface LossSettings {
  localWeight: number;
  topk: number;
  device: string;
  /** How batch normalisation of the stem behaves. */
  stem: StemOptions;
  /** (C) added to the logits in training; null for nothing. */
  adjustment: Tensor | null;
}

function lossSettings(config: TrainConfig, dataset: Dataset): LossSettings {
  const { localWeight, logitAdjustment = 0 } = settingsOf(config);
  const { device, model, optimizer } = config;
  const adjustment =
    logitAdjustment === 0
      ? null
      : tensor(logFrequencies(dataset, config, logitAdjustment), [dataset.classes.length], { device });
  const stem = { training: optimizer.fixLayer < 0, frozen: optimizer.fixStem };
  return { localWeight, topk: model.topk, device, stem, adjustment };
}

/** `power` times the logarithm of each class's share of what an epoch draws. */
function logFrequencies({ train, classes }: Dataset, { data }: TrainConfig, power: number): Float32Array {
  const weights = classWeights(
    train.map(({ label }) => label),
    data.samplerPower ?? 0,
  );
  const shares = new Float64Array(classes.length);
  for (const [i, { label, votes }] of train.entries()) {
    const weight = weights[i] as number;
    if (votes) for (const [c, share] of votes.entries()) shares[c] = (shares[c] as number) + weight * share;
    else shares[label] = (shares[label] as number) + weight;
  }
  const total = shares.reduce((sum, share) => sum + share, 0);
  return Float32Array.from(shares, (share) => power * Math.log(Math.max(share / total, Number.EPSILON)));
}

function lossOf(clip: TrainedClip, { images, targets }: Soft, ids: Tensor, settings: LossSettings, share?: Share): LossParts {
  const { localWeight, topk, device, adjustment } = settings;
  const stem = { ...settings.stem, together: share && { group: share.group, counts: share.counted > 0 } };
  const { cls, patches } = encodeImage(clip.vision, images, { stem });
  const text = unitLength(encodeText(clip.text, ops.toDevice(ids, device)), -1); // (C, D)
  const scale = ops.exp(ops.clamp(clip.logitScale, null, MAX_LOG_SCALE));
  const lossOfScore = (score: Tensor) => {
    const logits = ops.toDtype(ops.mul(score, scale), 'float32');
    return softCrossEntropy(adjustment ? ops.add(logits, adjustment) : logits, targets);
  };
  const lossGlobal = lossOfScore(globalScore(unitLength(cls, -1), text));
  const lossLocal = lossOfScore(localScore(unitLength(patches, -1), text, topk));
  return {
    loss: ops.add(lossGlobal, lossLocal, localWeight),
    parts: { loss_global: lossGlobal, loss_local: lossLocal, scale: ops.detach(scale) },
  };
}

function predictionOf(clip: TrainedClip, batch: Batch, names: Tensor, tap: Tap): BatchPrediction {
  const device = clip.logitScale.device;
  const images = picturesOf(batch, device);
  const cls = unitLength(encodeImage(clip.vision, images, { tap }).cls, -1); // (B, D)
  const logits = ops.mul(globalScore(cls, textFeatures(clip, names)), ops.exp(clip.logitScale)); // (B, C)
  return { ...softmaxPrediction(logits), features: floats(cls) };
}

/** (B, N, C) what each patch says for each class. */
function localAffinities(clip: TrainedClip, batch: Batch, names: Tensor): Tensor {
  const device = clip.logitScale.device;
  const { patches } = encodeImage(clip.vision, picturesOf(batch, device));
  return patchAffinities(unitLength(patches, -1), textFeatures(clip, names));
}

/** (C, D) of unit length. */
function textFeatures(clip: TrainedClip, names: Tensor): Tensor {
  return unitLength(encodeText(clip.text, ops.toDevice(names, clip.logitScale.device)), -1);
}

/** Pictures (B, 3, S, S) and the share of each class (B, C) in them. */
interface Soft {
  images: Tensor;
  targets: Tensor;
}

/** A batch's pictures and its annotators' shares (its labels, where there are none), both mixed where that is asked for. */
function mixed(batch: Batch, { device, pretrain, seed }: TrainConfig, classes: number, moment: Moment): Soft {
  const images = picturesOf(batch, device);
  const targets = targetsOf(batch, classes, device);
  const { mixup = 0 } = pretrain as PretrainConfig;
  const share = mixingShare(mixup, seed, moment);
  return share === 1 ? { images, targets } : { images: mixRows(images, share), targets: mixRows(targets, share) };
}

/** (B, C) the annotators' shares, or the label alone. */
function targetsOf({ votes, labels }: Batch, classes: number, device: string): Tensor {
  const rows = labels.length;
  if (votes) return tensor(votes, [rows, classes], { device });
  return ops.toDtype(ops.oneHot(tensor(labels, [rows], { device }), classes), 'float32');
}
