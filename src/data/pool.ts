import { Worker } from 'node:worker_threads';
import { UaferError } from '../errors.js';
import { type BatchJob, makeBatch, type PipelineSource, type PixelBatch } from './pipeline.js';
import type { Answer, Request } from './worker.js';

/** Makes batches, in threads or in the caller's own. */
export interface Pool {
  /** Batches that are worth asking for ahead of the one that is needed. */
  ahead: number;
  make(job: BatchJob): Promise<PixelBatch>;
  /** Ends every thread; batches still under way are rejected. */
  close(): Promise<void>;
}

/** Batches asked of each thread beyond the one that the caller waits for. */
const PREFETCH = 2;

interface Waiting {
  resolve(batch: PixelBatch): void;
  reject(error: Error): void;
}

interface Thread {
  worker: Worker;
  waiting: Map<number, Waiting>;
  closing: boolean;
  /** Why it ended. */
  failure: Error | undefined;
  ended: Promise<void>;
}

/** @param workers threads; 0 makes each batch in the caller's thread when it is asked for. */
export function createPool(source: PipelineSource, workers: number): Pool {
  if (workers === 0) return { ahead: 0, make: (job) => makeBatch(source, job), close: async () => {} };
  const threads = Array.from({ length: workers }, () => startThread(source));
  let jobs = 0;
  return {
    ahead: workers * PREFETCH,
    make: (job) => {
      const idlest = threads.reduce((best, thread) => (thread.waiting.size < best.waiting.size ? thread : best));
      return ask(idlest, jobs++, job);
    },
    close: async () => {
      for (const thread of threads) {
        const request: Request = 'close';
        thread.worker.postMessage(request);
        thread.worker.ref();
        thread.closing = true;
      }
      await Promise.all(threads.map(({ ended }) => ended));
    },
  };
}

function startThread(source: PipelineSource): Thread {
  // Flags of the process (`--input-type`, a loader) are meant for its own program.
  const worker = new Worker(new URL('./worker.js', import.meta.url), { workerData: source, execArgv: [] });
  const ended = new Promise<void>((resolve) => worker.on('exit', () => resolve()));
  // An idle thread does not keep the process alive; one that works does (see `ask`).
  worker.unref();
  const thread: Thread = { worker, waiting: new Map(), closing: false, failure: undefined, ended };
  worker.on('message', (answer: Answer) => settle(thread, answer));
  worker.on('error', (error) => {
    thread.failure = error;
  });
  worker.on('exit', () => {
    thread.failure ??= new UaferError('INTERRUPTED', 'The loader was closed while a batch was under way');
    for (const { reject } of thread.waiting.values()) reject(thread.failure);
    thread.waiting.clear();
  });
  return thread;
}

function ask(thread: Thread, id: number, batch: BatchJob): Promise<PixelBatch> {
  if (thread.failure) return Promise.reject(thread.failure);
  return new Promise((resolve, reject) => {
    if (thread.waiting.size === 0) thread.worker.ref();
    thread.waiting.set(id, { resolve, reject });
    const request: Request = { job: id, batch };
    thread.worker.postMessage(request);
  });
}

function settle(thread: Thread, answer: Answer): void {
  const waiting = thread.waiting.get(answer.job);
  thread.waiting.delete(answer.job);
  if (thread.waiting.size === 0 && !thread.closing) thread.worker.unref();
  if ('batch' in answer) waiting?.resolve(answer.batch);
  else waiting?.reject(answer.code ? new UaferError(answer.code, answer.message) : new Error(answer.message));
}
