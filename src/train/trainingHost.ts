import { Worker } from 'node:worker_threads';
import type { TrainConfig } from '../config/schema.js';
import { counted } from '../counted.js';
import { type ErrorCode, UaferError } from '../errors.js';
import { dropThreadLock, refuseLocked } from '../run/lock.js';
import type { TrainingEvent, TrainResult } from '../run/messages.js';
import { checkResume } from '../run/resume.js';
import { holdsRun, readRunConfig, refuseOverwrite } from '../run/runFolder.js';
import type { Launch } from './launched.js';

/** What the training thread is given. */
export interface TrainingRequest {
  config: TrainConfig;
  resume: boolean;
  /** The processes that this one belongs to; null for one alone. */
  launch: Launch | null;
  /** One Int32; anything but 0 asks the loop to end. */
  stop: SharedArrayBuffer;
}

/** What the training thread sends. An error crosses as its parts, since a thread boundary strips its class. */
export type TrainingMessage =
  | TrainingEvent
  | { kind: 'done'; result: TrainResult }
  | { kind: 'failed'; code: ErrorCode | null; message: string; stack: string };

export interface RunTrainingOptions {
  /** Go on with the run in `config.out`. */
  resume?: boolean;
  /**
   * How this process was started together with others, that train the same run (`launchedBy`). The one of rank 0 writes and tells of it; the others
   * need not see `config.out`, and their result has no metrics.
   */
  launch?: Launch | null;
  onEvent?(event: TrainingEvent): void;
  /** Aborted: the run ends after the step or evaluation batch under way, with a checkpoint, and `ending` is `stopped`. */
  stopSignal?: AbortSignal;
}

/**
 * Trains as `config` says in a thread of its own, so that this one stays free for progress and signals. Throws before
 * anything is loaded `USAGE` when `config.out` holds another run, or, to resume, none or one of other options, and `LOCKED` when another
 * process trains it; later whatever ends the training, with its code: of several processes `DISTRIBUTED` when one is lost or does not come, and
 * what ended another one.
 */
export async function runTraining(config: TrainConfig, options: RunTrainingOptions = {}): Promise<TrainResult> {
  const { resume = false, launch = null, onEvent = () => {} } = options;
  const leads = launch === null || launch.rank === 0;
  if (leads && resume) checkFolder(config, onEvent);
  else if (leads) refuseOverwrite(config.out);
  const stop = new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT);
  const askToStop = () => void Atomics.store(new Int32Array(stop), 0, 1);
  if (options.stopSignal?.aborted) askToStop();
  options.stopSignal?.addEventListener('abort', askToStop);
  const request: TrainingRequest = { config, resume, launch, stop };
  const worker = new Worker(new URL('./trainingThread.js', import.meta.url), { workerData: request });
  const thread = worker.threadId;
  try {
    return await outcome(worker, onEvent);
  } finally {
    options.stopSignal?.removeEventListener('abort', askToStop);
    await worker.terminate();
    // A thread that ran out of memory has not given the run free.
    dropThreadLock(config.out, thread);
  }
}

function checkFolder(config: TrainConfig, onEvent: (event: TrainingEvent) => void): void {
  if (!holdsRun(config.out)) {
    throw new UaferError('USAGE', `${config.out} holds no run to resume: expected a folder with config.yaml.`);
  }
  refuseLocked(config.out);
  const saved = readRunConfig(config.out);
  checkResume(saved, config);
  const { epochs } = config.optimizer;
  if (epochs === saved.optimizer.epochs) return;
  const text = `The run had ${counted(saved.optimizer.epochs, 'epoch')}: from here on the learning rate follows the schedule of ${epochs}.`;
  onEvent({ kind: 'log', text });
}

function outcome(worker: Worker, onEvent: (event: TrainingEvent) => void): Promise<TrainResult> {
  return new Promise((resolve, reject) => {
    worker.on('message', (message: TrainingMessage) => {
      if (message.kind === 'done') resolve(message.result);
      else if (message.kind === 'failed') reject(revived(message));
      else onEvent(message);
    });
    worker.on('error', reject);
    worker.on('exit', (code) =>
      reject(new UaferError('IO', `The training thread ended without a result (exit code ${code}).`)),
    );
  });
}

function revived({ code, message, stack }: Extract<TrainingMessage, { kind: 'failed' }>): Error {
  const error = code === null ? new Error(message) : new UaferError(code, message);
  error.stack = stack;
  return error;
}
