import { unitLength } from '../clip/affinity.js';
import { type CheckpointedBlocks, checkpointedBackward, checkpointedBlocks } from '../clip/checkpointedBlocks.js';
import type { Classifier } from '../clip/classifier.js';
import { stemConvolutions } from '../clip/stem.js';
import { createFeatureTap } from '../clip/taps.js';
import { type Clip, clipOf } from '../clip/towers.js';
import { embed, encodeCls, throughBlocks, type VisionTower } from '../clip/vision.js';
import type { TrainConfig } from '../config/schema.js';
import { preprocessingFor } from '../data/datasets.js';
import type { Batch, Dataset } from '../data/types.js';
import { voteCounts } from '../data/voteCounts.js';
import { noGrad, ops, scope, type Tensor, tensor } from '../engine/index.js';
import { heatmapsOf } from '../task/heatmaps.js';
import { parameterGroups } from '../task/parameterGroups.js';
import { picturesOf } from '../task/pictures.js';
import { inPrecision } from '../task/precision.js';
import { floats, softmaxPrediction } from '../task/softmaxPrediction.js';
import {
  type BatchPrediction,
  isRunningStatistic,
  type LossParts,
  type Model,
  type Moment,
  type Share,
  type Task,
} from '../task/task.js';
import { dirichlet, dirichletOf } from './evidence.js';
import { evidentialPrediction } from './evidentialPrediction.js';
import { localAffinities } from './heatmap.js';
import { type Kept, keptOf, keysOf, NOTHING_KEPT } from './keeping.js';
import { classificationLoss, distillationLoss, opinionsLoss, type Targets } from './losses.js';
import { blended, mixed, reversed } from './mixup.js';
import { classTexts, createUaFer, forward, forwardTokens, towerOf, type UaFer, type UaFerOutput } from './model.js';
import { fusesOpinions, opinionsOf } from './opinions.js';
import { scaleOf } from './relationScale.js';

export interface UaFerTaskOptions {
  /**
   * Compute the texts and the teacher from the pictures on, at every step, as the original does. The numbers are the same: otherwise
   * the texts are computed once, and the teacher shares the frozen blocks with the student.
   */
  recompute?: boolean;
  /** The colours of the pictures, where they aren't the data set's. */
  colour?: Model['preprocessing']['colour'] | undefined;
}

/**
 * What a training step needs of a batch's images: the student's answer, and the teacher's CLS features (B, D), not normalised; null where
 * nothing is distilled.
 */
interface Taught {
  student: UaFerOutput;
  teacher: Tensor | null;
  /** With gradient checkpointing: what backward goes on with after that of the loss, and how. */
  blocks?: CheckpointedBlocks;
  rest?: () => void;
}

/** `keys` (B) name the pictures that come again (`TeacherFeatures`). */
type Teach = (images: Tensor, keys?: readonly number[]) => Taught;

/** Training and evaluation of UA-FER as `config` says, from CLIP weights. */
export function createUaFerTask(config: TrainConfig, dataset: Dataset, clip: Clip, options: UaFerTaskOptions = {}): Task {
  fusesOpinions(config);
  const onDevice = moved(clip, config.device);
  const model = createUaFer(onDevice, dataset.classes, config.model);
  const { layers, stem } = model.tower.architecture;
  const stemLayers = stem ? stemConvolutions(stem).map(({ layer }) => layer) : [];
  const { groups } = parameterGroups(trainableShapes(model.state), { ...config.optimizer, layers, stemLayers });
  const distils = config.loss.distillation !== 'none';
  const teacher = distils ? teacherOf(model, new Set(groups.flatMap(({ names }) => names))) : null;
  const answers = answering(model, dataset.classes, config);
  const preprocessing = { ...answers.preprocessing, ...(options.colour && { colour: options.colour }) };
  const kept = options.recompute ? NOTHING_KEPT : keptOf({ student: model.tower, teacher }, dataset, config, preprocessing);
  const teach = options.recompute
    ? recomputing(onDevice, model, teacher, dataset.classes)
    : sharing(model, teacher, kept, config);
  return {
    ...answers,
    preprocessing,
    dataset,
    groups,
    takesBytes: true,
    keeping: kept.keeping,
    loss: (batch, moment, share) => lossOf(teach, dataset, config, batch, moment, share),
  };
}

/** UA-FER's network alone, without teacher and losses, from CLIP weights. */
export function createUaFerModel(
  config: TrainConfig,
  classes: readonly string[],
  clip: Clip,
): Model & { classifier(): Classifier } {
  const model = createUaFer(moved(clip, config.device), classes, config.model);
  return {
    ...answering(model, classes, config),
    classifier: () => ({
      architecture: model.tower.architecture,
      embedDim: clip.architecture.embedDim,
      weights: model.tower.weights,
      text: evaluationText(model),
      scores: { ...config.model, ...scaleOf(model.state, 'mixed') },
      fusion:
        config.model.fusion === 'none'
          ? null
          : {
              rule: config.model.fusion,
              global: scaleOf(model.state, 'global'),
              local: scaleOf(model.state, 'local'),
            },
      answer: config.loss.lossFunction === 'edl' ? config.loss.evidence : 'softmax',
    }),
  };
}

/** The original compares with texts of unit length in training alone. */
function evaluationText({ config, text }: UaFer): Tensor {
  return config.rawTextAtEvaluation ? text.raw : text.unit;
}

function answering(model: UaFer, classes: readonly string[], config: TrainConfig): Model {
  const text = evaluationText(model);
  return {
    classes,
    preprocessing: preprocessingFor(config.dataset, model.tower.architecture.imageSize),
    state: model.state,
    predict: (batch, layers = []) => {
      const { tap, taken } = createFeatureTap(layers);
      return { ...predictionOf(forward(model, imagesOf(batch, config), text, tap), config), layers: taken };
    },
    heatmaps: (batch) =>
      heatmapsOf(localAffinities(model, imagesOf(batch, config), text), { topk: model.config.topk, classes }),
    evaluationLoss: (prediction, labels, epoch) => testLoss(prediction, labels, config, epoch),
  };
}

/** The frozen CLIP: what is trained is copied now, what is frozen is shared with the student. */
function teacherOf(model: UaFer, trained: ReadonlySet<string>): VisionTower {
  const copies = noGrad(() =>
    scope(() =>
      Object.entries(model.state).map(([name, weight]) => [name, trained.has(name) ? ops.clone(weight) : weight] as const),
    ),
  );
  return towerOf(model.tower, Object.fromEntries(copies));
}

/**
 * Student and teacher have the same weights in what is frozen and see the same pictures, so they share its result: exactly the
 * numbers of computing it twice. Of the teacher's last block only what its class token needs is computed. With `fixLayer` f that is the embedding
 * and the first f blocks; with -1 nothing. Of pictures that come again what the teacher says is kept, and with `--cache-prefix` what the frozen
 * blocks give (`keeping.ts`): the same but for rounding.
 */
function sharing(
  model: UaFer,
  teacher: VisionTower | null,
  kept: Kept,
  config: Pick<TrainConfig, 'precision' | 'device' | 'optimizer'>,
): Teach {
  const { fixLayer, gradientCheckpointing } = config.optimizer;
  const answered = (tokens: Tensor): Pick<Taught, 'student' | 'blocks' | 'rest'> => {
    const from = Math.max(0, fixLayer);
    if (!gradientCheckpointing)
      return { student: forwardTokens(model, throughBlocks(model.tower, tokens, { from }), model.text.unit) };
    const blocks = checkpointedBlocks(model.tower, tokens, from);
    const rest = () => checkpointedBackward(model.tower, blocks, (block) => inPrecision(config, block));
    return { student: forwardTokens(model, blocks.tokens, model.text.unit), blocks, rest };
  };
  return (images, keys) =>
    scope(() => {
      const known = kept.features && keys ? kept.features.of(images, keys) : null;
      if (fixLayer < 0)
        return {
          ...answered(embed(model.tower, images)),
          teacher: known ?? (teacher && noGrad(() => encodeCls(teacher, embed(teacher, images)))),
        };
      const shared =
        kept.tokens && keys
          ? kept.tokens.of(images, keys)
          : noGrad(() => throughBlocks(model.tower, embed(model.tower, images), { to: fixLayer }));
      const cls = known ?? (teacher && noGrad(() => encodeCls(teacher, shared, fixLayer)));
      return { ...answered(shared), teacher: cls };
    });
}

/** The original's way: texts and teacher from the start, at every step. */
function recomputing(clip: Clip, model: UaFer, teacher: VisionTower | null, classes: readonly string[]): Teach {
  return (images) =>
    scope(() => {
      const text = classTexts(clip, classes, model.config.prompt).unit;
      const cls = teacher && noGrad(() => encodeCls(teacher, embed(teacher, images)));
      return { student: forward(model, images, text), teacher: cls };
    });
}

function lossOf(
  teach: Teach,
  { train, classes }: Dataset,
  config: TrainConfig,
  batch: Batch,
  moment: Moment,
  part?: Share,
): LossParts {
  const { images, share } = mixed(imagesOf(batch, config), config, moment);
  const { student, teacher, rest } = teach(images, config.data.mixup > 0 ? undefined : keysOf(batch));
  const classShares =
    part && config.loss.lossFunction === 'balanced' ? wholeShares(batch, classes.length, config, part) : undefined;
  const lossFor = (half: Pick<Batch, 'labels' | 'indices' | 'votes'>) =>
    answerLoss(student, { ...targetsOf({ train, classes }, half, config), classShares }, config, moment);
  const own = lossFor(batch);
  const { loss, parts } = share === 1 ? own : blended(own, lossFor(reversed(batch)), share);
  const after = rest && { rest };
  if (!teacher) return { loss, parts, ...after };
  const distillation = distillationLoss(student.cls, config.loss.distillation === 'unit' ? unitLength(teacher, -1) : teacher);
  return { loss: ops.add(loss, distillation, config.loss.lambdaKd), parts: { ...parts, loss_kd: distillation }, ...after };
}

/** (C) each class's share of a batch that several processes have parts of. */
function wholeShares({ labels }: Batch, classes: number, { device }: TrainConfig, { counted, group }: Share): Tensor {
  return noGrad(() =>
    scope(() => {
      const counts = Float32Array.from(
        { length: classes },
        (_, c) => labels.subarray(0, counted).filter((y) => Number(y) === c).length,
      );
      const sums = tensor(counts, [classes], { device });
      group.allReduce(sums);
      return ops.div(sums, ops.sum(sums));
    }),
  );
}

function answerLoss(student: UaFerOutput, targets: Targets, config: TrainConfig, moment: Moment): LossParts {
  if (fusesOpinions(config)) return opinionsLoss(opinionsOf(student, config), targets.labels, config.loss, moment);
  return classificationLoss(student.logits, targets, config.loss, moment);
}

function targetsOf(
  { train, classes }: Pick<Dataset, 'train' | 'classes'>,
  { labels, indices, votes }: Pick<Batch, 'labels' | 'indices' | 'votes'>,
  { device, loss, data }: TrainConfig,
): Targets {
  return {
    labels: tensor(labels, [labels.length], { device }),
    ...(loss.lossFunction === 'dm' ? { counts: voteCounts(train, indices, classes.length, data.countedVotes) } : {}),
    ...(loss.target === 'votes' && votes ? { shares: votes } : {}),
  };
}

function predictionOf(output: UaFerOutput, config: TrainConfig): BatchPrediction {
  return { ...answerOf(output, config), features: floats(output.cls) };
}

function answerOf(output: UaFerOutput, config: TrainConfig): BatchPrediction {
  const { logits } = output;
  const { lossFunction, evidence } = config.loss;
  if (lossFunction !== 'edl') return softmaxPrediction(logits);
  if (!fusesOpinions(config)) return evidentialPrediction(logits, dirichlet(logits, evidence));
  const { fused } = opinionsOf(output, config);
  return evidentialPrediction(ops.log(fused.alpha), fused);
}

/** The original's test loss of a batch: without distillation. Of fused opinions that of the fused one alone. */
function testLoss({ logits, evidence }: BatchPrediction, labels: BigInt64Array, config: TrainConfig, epoch: number): number {
  return noGrad(() =>
    scope(() => {
      const shape = [labels.length, logits.length / labels.length];
      const targets = { labels: tensor(labels, [labels.length]) };
      const moment = { epoch, epochs: config.optimizer.epochs };
      const options = { ...config.loss, lambdaRuc: 1 }; // the original's test leaves the weight out
      if (!fusesOpinions(config)) return classificationLoss(tensor(logits, shape), targets, options, moment).loss.item();
      const fused = dirichletOf(tensor(evidence as Float32Array, shape));
      const opinions = { fused, global: fused, local: fused };
      return opinionsLoss(opinions, targets.labels, { ...options, lambdaBranch: 0 }, moment).loss.item();
    }),
  );
}

function imagesOf(batch: Batch, { device }: TrainConfig): Tensor {
  return picturesOf(batch, device);
}

function moved(clip: Clip, device: string): Clip {
  if (device === 'cpu') return clip;
  const state = Object.entries(clip.state).map(([name, weight]) => [name, ops.toDevice(weight, device)] as const);
  return clipOf(clip.architecture, Object.fromEntries(state));
}

function trainableShapes(state: Readonly<Record<string, Tensor>>): Record<string, readonly number[]> {
  const parameters = Object.entries(state).filter(([name]) => !isRunningStatistic(name));
  return Object.fromEntries(parameters.map(([name, weight]) => [name, weight.shape]));
}
