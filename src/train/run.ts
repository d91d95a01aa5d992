/** A run in this process, as the files of the loop share it. */
import { performance } from 'node:perf_hooks';
import type { TrainConfig } from '../config/schema.js';
import type { BatchSource } from '../data/loader.js';
import type { GradientReducer } from '../engine/index.js';
import type { Evaluation } from '../evaluate/evaluate.js';
import type { Preprocessing } from '../image/preprocess.js';
import type { Progress } from '../run/checkpoint.js';
import type { RunLock } from '../run/lock.js';
import type { TrainingEvent } from '../run/messages.js';
import type { RunFolder } from '../run/runFolder.js';
import type { RunLog } from '../run/runLog.js';
import type { Task } from '../task/task.js';
import type { MovingAverage } from './movingAverage.js';
import type { Optimizer } from './optimizer.js';
import type { Processes } from './processes.js';

export interface TrainHooks {
  /** Go on with the run in `config.out` from its last checkpoint (from the start, when it has none yet). */
  resume?: boolean;
  onEvent?(event: TrainingEvent): void;
  /** Asked after every step and every evaluation batch; true ends the run with a checkpoint. */
  shouldStop?(): boolean;
  /** The processes that train this run together; this one alone where left out. Only the one that leads writes to `config.out`, and tells of the run. */
  processes?: Processes;
}

/** A run in this process. */
export interface Run {
  task: Task;
  config: TrainConfig;
  processes: Processes;
  /** Sums gradients over the processes; null for one process. */
  reducer: GradientReducer | null;
  folder: RunFolder;
  /** Held by the process that leads. */
  lock: RunLock | null;
  optimizer: Optimizer;
  ema: MovingAverage | null;
  progress: Progress;
  /** Optimiser steps of an epoch. */
  steps: number;
  /** Of the run's pictures; it goes with its checkpoints. */
  preprocessing: Preprocessing;
  train: BatchSource;
  test: BatchSource;
  /** Kept by the process that leads. */
  log: RunLog | null;
  session: Session;
  emit(event: TrainingEvent): void;
  shouldStop(): boolean;
}

/** What this process has done so far; not part of checkpoints. */
interface Session {
  startedAt: number;
  savedAt: number;
  /** The optimiser step whose tensors `checkpoints/last` holds; null while that isn't known. */
  savedStep: number | null;
  /** Of the last evaluation. */
  evaluationSeconds: number;
  evaluation: Evaluation | null;
  /** Pictures that were told of as unreadable, by path. */
  unreadable: Set<string>;
  /** Of what there was to say about kept pictures, the kinds that were told of. */
  keptNotes: Set<string>;
}

/** On a clock that only this process reads. */
export const seconds = () => performance.now() / 1000;

/** An epoch's account at its start. */
export const nothingSpent = () => ({ pictures: 0, wait: 0, compute: 0 });

/** Where a new run stands. */
export function freshProgress(task: Task): Progress {
  return {
    epoch: 0,
    step: 0,
    globalStep: 0,
    best: null,
    totals: {},
    spent: nothingSpent(),
    samples: { train: task.dataset.train.length, test: task.dataset.test.length },
  };
}
