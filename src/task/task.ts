/** The seam between networks and what trains and evaluates them. */
import type { Batch, Dataset } from '../data/types.js';
import type { ProcessGroup, Tensor } from '../engine/index.js';
import type { Heatmap } from '../image/heatmap.js';
import type { Preprocessing } from '../image/preprocess.js';

/** Whether a tensor is a running statistic of batch normalisation, by PyTorch's names: no parameter, but part of the model. */
export function isRunningStatistic(name: string): boolean {
  return /(^|\.)running_(mean|var)$/.test(name);
}

/** Parameters that share a rate and a decay, by their checkpoint names. */
export interface ParameterGroup {
  names: string[];
  lrScale: number;
  weightDecay: number;
}

/** Where a step stands: annealing and schedules depend on it. */
export interface Moment {
  epoch: number;
  epochs: number;
  /** Step within the epoch. */
  step: number;
  steps: number;
}

/** One process's share of a batch that several train on together. */
export interface Share {
  /** Pictures of this process that count: all of its batch, or none, where one merely stands in. */
  counted: number;
  /** For what a loss needs of the whole batch; each process calls it as often. */
  group: ProcessGroup;
}

/** The loss to differentiate (mean over the batch) and its named parts for the log. */
export interface LossParts {
  loss: Tensor;
  parts: Record<string, Tensor>;
  /** What is left of backward after that of `loss` (gradient checkpointing). Runs outside of autocast. */
  rest?: () => void;
}

/** What evaluation keeps of one batch, on the CPU. */
export interface BatchPrediction {
  /** (B, C) row-major. */
  logits: Float32Array;
  probabilities: Float32Array;
  /** (B). */
  uncertainty: Float32Array;
  /** (B, C) of the Dirichlet distribution with a = evidence + 1 and mean `probabilities`, where an answer is one. */
  evidence?: Float32Array;
  /** (B, D) CLS features of unit length, where the network has them. */
  features?: Float32Array;
  /** (B, W) what was asked for of the layers on the way (`src/clip/taps.ts`), by name. */
  layers?: Readonly<Record<string, Float32Array>>;
}

/** A network that answers: what evaluation needs, without anything of training. */
export interface Model {
  /** In the order of the logits. */
  readonly classes: readonly string[];
  readonly preprocessing: Preprocessing;
  /** Every tensor of the model (parameters and buffers) by its checkpoint name. */
  readonly state: Record<string, Tensor>;
  /**
   * Runs without autograd; `state` may have been swapped for the moving average.
   *
   * @param layers whose means are wanted too
   */
  predict(batch: Batch, layers?: readonly string[]): BatchPrediction;
  /** Which patches of each picture speak for which class. Runs without autograd. */
  heatmaps?(batch: Batch): Heatmap[];
  /** The evaluation loss of a batch at `epoch` (its terms are annealed), as the original reports it. */
  evaluationLoss?(prediction: BatchPrediction, labels: BigInt64Array, epoch: number): number;
}

/** What a task keeps of its training pictures on the disk beside their pixels: another run finds it. */
export interface Keeping {
  /** For people, e.g. `features of the teacher`. */
  readonly what: string;
  readonly file: string;
  /** Of each picture: as it is, and mirrored where there are two. */
  readonly variants: number;
  /** How many there are now, and at most. */
  count(): { there: number; all: number };
  /** Keeps what is missing of a batch that names its `variants`. Runs under the caller's autocast and scope. */
  keep(batch: Batch): void;
  /** Nothing is found and kept any more: for a run whose pictures are made in another way than the task says. */
  close(): void;
  /** What there is to say of damage and of a full disk, by kind. */
  readonly notes: ReadonlyMap<string, string>;
}

/**
 * What the trainer trains: UA-FER (`src/uafer/uaferTask.ts`), or the image-text pre-training of a backbone
 * (`src/pretrain/pretrainTask.ts`). The trainer owns the optimiser, schedule, checkpoints and logs, and knows nothing of the model. It
 * updates the trained tensors of `state` in place.
 */
export interface Task extends Model {
  readonly dataset: Dataset;
  readonly groups: readonly ParameterGroup[];
  /** Whether it takes batches that hold `bytes` in place of images, as `src/task/pictures.ts` makes pictures of; a GPU then does so. */
  readonly takesBytes?: boolean;
  readonly keeping?: readonly Keeping[];
  /**
   * Runs under the trainer's autocast and scope. With a `share`, `batch` is this process's part: the losses of all, weighted by their counted
   * pictures, make that of the whole batch.
   */
  loss(batch: Batch, moment: Moment, share?: Share): LossParts;
}
