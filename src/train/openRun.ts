import { mkdirSync } from 'node:fs';
import { isDeepStrictEqual } from 'node:util';
import type { TrainConfig } from '../config/schema.js';
import { createLoader } from '../data/loader.js';
import { createGradientReducer } from '../engine/index.js';
import { UaferError } from '../errors.js';
import type { Preprocessing } from '../image/preprocess.js';
import { checkpointFolder, readCheckpointDescription } from '../run/checkpoint.js';
import { lockRun, type RunLock } from '../run/lock.js';
import { createRunFolder, type RunFolder, refuseOverwrite, runFolder, writeRunConfig } from '../run/runFolder.js';
import { openRunLog } from '../run/runLog.js';
import { makesPictures } from '../task/pictures.js';
import type { Task } from '../task/task.js';
import { createMovingAverage } from './movingAverage.js';
import { createOptimizer } from './optimizer.js';
import { ALONE } from './processes.js';
import { resumed } from './restoreRun.js';
import { freshProgress, type Run, seconds, type TrainHooks } from './run.js';
import { mixesPairs, shareState } from './together.js';

/** Throws `USAGE` when nothing is trained, or a new run's folder holds another one: what can be said before anything is looked at. */
export function refuseRun({ groups }: Task, { optimizer, out }: TrainConfig, { resume, processes = ALONE }: TrainHooks): void {
  if (!resume && processes.leads) refuseOverwrite(out);
  if (groups.some(({ names }) => names.length > 0)) return;
  throw new UaferError(
    'USAGE',
    `--fix-layer ${optimizer.fixLayer} freezes everything: no parameter of this model is left to train.`,
  );
}

/**
 * Opens the run in `config.out` at its last checkpoint, or a new one at its start, for this process alone until `closeRun`. Throws `USAGE`
 * when the folder holds another run, `LOCKED` when another process has it, `CHECKPOINT` when the one to resume does
 * not fit.
 */
export function openRun(task: Task, config: TrainConfig, hooks: TrainHooks): Run {
  const { processes = ALONE } = hooks;
  if (!processes.leads) return openLocked(task, config, hooks, null);
  mkdirSync(config.out, { recursive: true });
  const lock = lockRun(config.out);
  try {
    return openLocked(task, config, hooks, lock);
  } catch (error) {
    lock.release();
    throw error;
  }
}

/** Ends what the run has open, and gives its folder free. */
export async function closeRun({ train, test, log, lock, reducer }: Run): Promise<void> {
  await Promise.all([train.close(), test.close()]);
  reducer?.close();
  log?.close();
  lock?.release();
}

function openLocked(task: Task, config: TrainConfig, hooks: TrainHooks, lock: RunLock | null): Run {
  const { resume = false, onEvent: emit = () => {}, processes = ALONE } = hooks;
  const { leads, group } = processes;
  const folder = resume || !leads ? runFolder(config.out) : createRunFolder(config);
  const optimizer = createOptimizer(task.state, task.groups, config.optimizer);
  const { ema: decay } = config.optimizer;
  const ema = decay > 0 ? createMovingAverage(task.state, new Set(optimizer.parameters.keys()), decay) : null;
  const steps = stepsOf(task, config);
  const own = resume && leads ? resumed({ folder, task, config, optimizer, ema, steps, emit }) : freshProgress(task);
  if (resume && leads) writeRunConfig(folder, config);
  // A run goes on with the pictures that it began with, also one that was begun before models said how theirs are made.
  const ownPreprocessing = resume && leads ? checkpointPreprocessing(folder, task) : task.preprocessing;
  const { progress, preprocessing } = processes.told({ progress: own, preprocessing: ownPreprocessing });
  // What is kept is of pictures as the task says.
  if (!isDeepStrictEqual(preprocessing, task.preprocessing)) for (const { close } of task.keeping ?? []) close();
  if (resume) shareState(processes, { task, optimizer, ema, device: config.device });
  const shard = group ? { ...processes, pairs: mixesPairs(config) } : undefined;
  const now = seconds();
  const loading = { ...config, asBytes: task.takesBytes === true && makesPictures(config.device) };
  return {
    task,
    config,
    processes,
    reducer: group && createGradientReducer(group, [...optimizer.parameters.values()]),
    folder,
    lock,
    optimizer,
    ema,
    progress,
    steps,
    preprocessing,
    train: createLoader(task.dataset.train, loading, preprocessing, 'train', shard),
    test: createLoader(task.dataset.test, loading, preprocessing, 'test', shard),
    log: leads ? openRunLog(folder.path, { epoch: progress.epoch, step: progress.globalStep }) : null,
    session: {
      startedAt: now,
      savedAt: now,
      savedStep: null,
      evaluationSeconds: 0,
      evaluation: null,
      unreadable: new Set(),
      keptNotes: new Set(),
    },
    emit,
    shouldStop: hooks.shouldStop ?? (() => false),
  };
}

/** As the last checkpoint says; of one that says nothing, in colour, as it was then. */
function checkpointPreprocessing({ last }: RunFolder, { preprocessing }: Task): Preprocessing {
  if (checkpointFolder(last) === null) return preprocessing;
  return readCheckpointDescription(last)?.preprocessing ?? { ...preprocessing, colour: 'rgb' };
}

/** Optimiser steps of an epoch. */
function stepsOf({ dataset }: Task, { optimizer: { batchSize, accumulate } }: TrainConfig): number {
  return Math.ceil(Math.ceil(dataset.train.length / batchSize) / accumulate);
}
