import { mkdirSync } from 'node:fs';
import type { TrainConfig } from '../config/schema.js';
import { createLoader } from '../data/loader.js';
import { UaferError } from '../errors.js';
import type { Preprocessing } from '../image/preprocess.js';
import { checkpointFolder, readCheckpointDescription } from '../run/checkpoint.js';
import { lockRun, type RunLock } from '../run/lock.js';
import { createRunFolder, type RunFolder, refuseOverwrite, runFolder, writeRunConfig } from '../run/runFolder.js';
import { openRunLog } from '../run/runLog.js';
import type { Task } from '../task/task.js';
import { createMovingAverage } from './movingAverage.js';
import { createOptimizer } from './optimizer.js';
import { resumed } from './restoreRun.js';
import { freshProgress, type Run, seconds, type TrainHooks } from './run.js';

/** Throws `USAGE` when nothing is trained, or a new run's folder holds another one: what can be said before anything is looked at. */
export function refuseRun({ groups }: Task, { optimizer, out }: TrainConfig, { resume }: TrainHooks): void {
  if (!resume) refuseOverwrite(out);
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
export async function closeRun({ train, test, log, lock }: Run): Promise<void> {
  await Promise.all([train.close(), test.close()]);
  log.close();
  lock.release();
}

function openLocked(task: Task, config: TrainConfig, hooks: TrainHooks, lock: RunLock): Run {
  const { resume = false, onEvent: emit = () => {} } = hooks;
  const folder = resume ? runFolder(config.out) : createRunFolder(config);
  const optimizer = createOptimizer(task.state, task.groups, config.optimizer);
  const { ema: decay } = config.optimizer;
  const ema = decay > 0 ? createMovingAverage(task.state, new Set(optimizer.parameters.keys()), decay) : null;
  const steps = stepsOf(task, config);
  const progress = resume ? resumed({ folder, task, config, optimizer, ema, steps, emit }) : freshProgress(task);
  if (resume) writeRunConfig(folder, config);
  // A run goes on with the pictures that it began with, also one that was begun before models said how theirs are made.
  const preprocessing = resume ? checkpointPreprocessing(folder, task) : task.preprocessing;
  const now = seconds();
  return {
    task,
    config,
    folder,
    lock,
    optimizer,
    ema,
    progress,
    steps,
    preprocessing,
    train: createLoader(task.dataset.train, config, preprocessing, 'train'),
    test: createLoader(task.dataset.test, config, preprocessing, 'test'),
    log: openRunLog(folder.path, { epoch: progress.epoch, step: progress.globalStep }),
    session: {
      startedAt: now,
      savedAt: now,
      savedStep: null,
      evaluationSeconds: 0,
      evaluation: null,
      unreadable: new Set(),
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
