import { performance } from 'node:perf_hooks';
import type { TrainConfig } from '../config/schema.js';
import { type BatchSource, createLoader } from '../data/loader.js';
import { generatorState, noGrad, ops, scope, setGeneratorState, tensor } from '../engine/index.js';
import { UaferError } from '../errors.js';
import type { Preprocessing } from '../image/preprocess.js';
import type { Metrics } from '../metrics/metrics.js';
import {
  checkpointFolder,
  copyCheckpoint,
  type Progress,
  readCheckpoint,
  readCheckpointDescription,
  restoreTensors,
  writeCheckpoint,
} from '../run/checkpoint.js';
import type { TrainingEvent } from '../run/messages.js';
import { checkSettings, decisiveSettings } from '../run/resume.js';
import { createRunFolder, type RunFolder, runFolder, writeRunConfig } from '../run/runFolder.js';
import { openRunLog, type RunLog } from '../run/runLog.js';
import type { Task } from '../task/task.js';
import { createMovingAverage, type MovingAverage } from './movingAverage.js';
import { createOptimizer, type Optimizer, optimizerTensors, restoreOptimizer } from './optimizer.js';

export interface TrainHooks {
  /** Go on with the run in `config.out` from its last checkpoint (from the start, when it has none yet). */
  resume?: boolean;
  onEvent?(event: TrainingEvent): void;
  /** Asked after every step and every evaluation batch; true ends the run with a checkpoint. */
  shouldStop?(): boolean;
}

/** A run in this process. */
export interface Run {
  task: Task;
  config: TrainConfig;
  folder: RunFolder;
  optimizer: Optimizer;
  ema: MovingAverage | null;
  progress: Progress;
  /** Optimiser steps of an epoch. */
  steps: number;
  preprocessing: Preprocessing;
  train: BatchSource;
  test: BatchSource;
  log: RunLog;
  session: Session;
  emit(event: TrainingEvent): void;
  shouldStop(): boolean;
}

/** What this process has done so far; not part of checkpoints. */
interface Session {
  startedAt: number;
  savedAt: number;
  /** Of the last evaluation. */
  evaluationSeconds: number;
  metrics: Metrics | null;
  /** Pictures that were told of as unreadable, by path. */
  unreadable: Set<string>;
}

/** On a clock that only this process reads. */
export const seconds = () => performance.now() / 1000;

/**
 * Opens the run in `config.out` at its last checkpoint, or a new one at its start. Throws `USAGE` when the folder holds another run
 * or nothing is trained, `CHECKPOINT` when the one to resume does not fit.
 */
export function openRun(task: Task, config: TrainConfig, hooks: TrainHooks): Run {
  refuseNothingToTrain(task, config);
  const folder = hooks.resume ? runFolder(config.out) : createRunFolder(config);
  const optimizer = createOptimizer(task.state, task.groups);
  const { ema: decay } = config.optimizer;
  const ema = decay > 0 ? createMovingAverage(task.state, new Set(optimizer.parameters.keys()), decay) : null;
  const checkpointed = hooks.resume === true && checkpointFolder(folder.last) !== null;
  const progress = checkpointed ? restore(folder, task, config, optimizer, ema) : freshProgress(task);
  if (hooks.resume) writeRunConfig(folder, config);
  // A run goes on with the pictures that it began with, also one that was begun before models said how theirs are made.
  const preprocessing = checkpointed ? checkpointPreprocessing(folder, task) : task.preprocessing;
  const trainLoader = createLoader(task.dataset.train, config, preprocessing, 'train');
  const now = seconds();
  return {
    task,
    config,
    folder,
    optimizer,
    ema,
    progress,
    steps: Math.ceil(trainLoader.batches / config.optimizer.accumulate),
    preprocessing,
    train: trainLoader,
    test: createLoader(task.dataset.test, config, preprocessing, 'test'),
    log: openRunLog(folder.path, { epoch: progress.epoch, step: progress.globalStep }),
    session: {
      startedAt: now,
      savedAt: now,
      evaluationSeconds: 0,
      metrics: null,
      unreadable: new Set(),
    },
    emit: hooks.onEvent ?? (() => {}),
    shouldStop: hooks.shouldStop ?? (() => false),
  };
}

function refuseNothingToTrain({ groups }: Task, { optimizer }: TrainConfig): void {
  if (groups.some(({ names }) => names.length > 0)) return;
  throw new UaferError(
    'USAGE',
    `--fix-layer ${optimizer.fixLayer} freezes everything: no parameter of this model is left to train.`,
  );
}

/** As the last checkpoint says; of one that says nothing, in colour, as it was then. */
function checkpointPreprocessing({ last }: RunFolder, { preprocessing }: Task): Preprocessing {
  return readCheckpointDescription(last)?.preprocessing ?? { ...preprocessing, colour: 'rgb' };
}

/** An epoch's account at its start. */
export const nothingSpent = () => ({ pictures: 0, wait: 0, compute: 0 });

function freshProgress(task: Task): Progress {
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

/** Brings weights, optimiser, averages and random generators back to where the last checkpoint left them. */
function restore(
  folder: RunFolder,
  task: Task,
  config: TrainConfig,
  optimizer: Optimizer,
  ema: MovingAverage | null,
): Progress {
  using checkpoint = readCheckpoint(folder.last);
  const { version: _, configHash: __, settings: ___, generators, ...progress } = checkpoint.state;
  checkSettings(checkpoint.state, config, folder.last, folder.config);
  checkSamples(folder.last, progress.samples, freshProgress(task).samples);
  restoreTensors(task.state, checkpoint.model, `${folder.last}/model.safetensors`);
  if (ema) restoreTensors(ema.averages, checkpoint.ema ?? {}, `${folder.last}/ema.safetensors`);
  restoreOptimizer(optimizer, checkpoint.optimizer, `${folder.last}/optimizer.safetensors`);
  for (const [device, bytes] of Object.entries(generators)) restoreGenerator(device, bytes);
  return progress;
}

function checkSamples(where: string, saved: Progress['samples'], found: Progress['samples']): void {
  for (const part of ['train', 'test'] as const) {
    if (saved[part] === found[part]) continue;
    throw new UaferError(
      'CHECKPOINT',
      `${where} was written with ${saved[part]} ${part} pictures, but the data set has ${found[part]} now. ` +
        'A run goes on with the data that it began with: check --data-path.',
    );
  }
}

function restoreGenerator(device: string, base64: string): void {
  const bytes = Uint8Array.from(Buffer.from(base64, 'base64'));
  using state = tensor(bytes, [bytes.length]);
  setGeneratorState(state, device);
}

function generatorStates(device: string): Record<string, string> {
  const devices = [...new Set(['cpu', device])];
  return Object.fromEntries(devices.map((name) => [name, generatorBytes(name)]));
}

function generatorBytes(device: string): string {
  using state = generatorState(device);
  return Buffer.from(state.data() as Uint8Array).toString('base64');
}

/** Writes `checkpoints/last`. */
export function save(run: Run): void {
  writeState(run, run.folder.last);
  saved(run, run.folder.last);
}

/** The same to both folders; `best` first, so that a `last` that knows of it never stands without it. */
export function saveBest(run: Run): void {
  writeState(run, run.folder.best);
  copyCheckpoint(run.folder.best, run.folder.last);
  saved(run, run.folder.last);
}

function saved(run: Run, path: string): void {
  run.session.savedAt = seconds();
  run.emit({ kind: 'checkpoint', path });
}

function writeState(run: Run, path: string): void {
  const { task, config, optimizer, ema, progress } = run;
  refuseBrokenWeights(run);
  writeCheckpoint(path, {
    model: task.state,
    optimizer: optimizerTensors(optimizer),
    ema: ema?.averages ?? null,
    state: {
      ...progress,
      settings: decisiveSettings(config),
      generators: generatorStates(config.device),
    },
    description: { classes: task.classes, preprocessing: run.preprocessing },
  });
}

/** A finite loss can have had an infinite gradient; such weights must not replace a good checkpoint. */
function refuseBrokenWeights({ optimizer, progress, folder }: Run): void {
  for (const [name, parameter] of optimizer.parameters) {
    const sum = noGrad(() => scope(() => ops.sum(parameter).item()));
    if (Number.isFinite(sum)) continue;
    throw new UaferError(
      'DIVERGED',
      `The weights "${name}" are no longer finite after step ${progress.globalStep}. ${advice(folder)}`,
    );
  }
}

/** What to do about numbers that are no longer finite. */
export function advice(folder: RunFolder): string {
  const kept = checkpointFolder(folder.last) ? `The last good checkpoint is ${folder.last}. ` : '';
  return `${kept}Start again with a lower --lr or a longer --warmup-epochs, and with --precision fp32 if it was bf16.`;
}
