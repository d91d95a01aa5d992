/** Threads for one kind of work. Loader, alignment and preparation use the same. */
import { move, Piscina, transferableSymbol, valueSymbol } from 'piscina';
import { type ErrorCode, UaferError } from './errors.js';
import { reasonOf, systemFailure } from './systemErrors.js';

export interface Threads<Job, Result> {
  /** Gives a job to the thread that is idle first. Its `UaferError` comes back as one. */
  run(job: Job): Promise<Result>;
  /** Finishes the work in hand; what has not begun is rejected with `INTERRUPTED`. */
  close(): Promise<void>;
}

export interface ThreadsOptions {
  /** The module that runs in each thread; it exports `work`, made by `inThread`. */
  module: URL;
  count: number;
  /** What every thread is given, as `workerData` of `node:worker_threads`. */
  data: unknown;
}

/** What crosses from a thread: the boundary strips an error of its class, so that it comes as its parts. */
type Answer<Result> = { result: Result } | { code: ErrorCode | null; message: string };

const NEVER = 2 ** 31 - 1;

/** Starts threads at once. Idle ones do not keep the process alive. */
export function createThreads<Job, Result>({ module, count, data }: ThreadsOptions): Threads<Job, Result> {
  const pool = new Piscina<Job, Answer<Result>>({
    filename: module.href,
    name: 'work',
    workerData: data,
    // Each thread loads what it works with anew: none is ended because it idles.
    minThreads: count,
    maxThreads: count,
    // Flags of the process (`--input-type`, a loader) are meant for its own program.
    execArgv: [],
    closeTimeout: NEVER,
    recordTiming: false,
  });
  let closed = false;
  const interrupted = () => new UaferError('INTERRUPTED', 'The threads were closed before this work had begun.');
  return {
    async run(job) {
      if (closed) throw interrupted();
      const answer = await pool.run(job).catch((error: Error) => {
        throw closed ? interrupted() : error;
      });
      if ('result' in answer) return answer.result;
      throw answer.code ? new UaferError(answer.code, answer.message) : new Error(answer.message);
    },
    async close() {
      closed = true;
      await pool.close({ force: true });
    },
  };
}

/**
 * The function `work` that a thread's module exports.
 *
 * @param memoryOf the buffers of a result that are handed over instead of copied
 */
export function inThread<Job, Result>(
  work: (job: Job) => Promise<Result>,
  memoryOf: (result: Result) => ArrayBuffer[] = () => [],
): (job: Job) => Promise<unknown> {
  return async (job) => {
    const answer: Answer<Result> = await work(job).then(
      (result) => ({ result }),
      (error: unknown) => {
        const known = error instanceof UaferError ? error : systemFailure(error);
        return known ? { code: known.code, message: known.message } : { code: null, message: reasonOf(error) };
      },
    );
    return move({ [transferableSymbol]: 'result' in answer ? memoryOf(answer.result) : [], [valueSymbol]: answer });
  };
}
