import { createThreads } from '../threads.js';
import { type BatchJob, makeBatch, type PipelineSource, type PixelBatch } from './pipeline.js';

/** Makes batches, in threads or in the caller's own. */
export interface BatchPool {
  /** Batches that are worth asking for ahead of the one that is needed. */
  ahead: number;
  make(job: BatchJob): Promise<PixelBatch>;
  /** Ends every thread; batches still under way are rejected. */
  close(): Promise<void>;
}

/** Batches asked of each thread beyond the one that the caller waits for. */
const PREFETCH = 2;

/** @param workers threads; 0 makes each batch in the caller's thread when it is asked for. */
export function createBatchPool(source: PipelineSource, workers: number): BatchPool {
  if (workers === 0) return { ahead: 0, make: (job) => makeBatch(source, job), close: async () => {} };
  const module = new URL('./batchThread.js', import.meta.url);
  const threads = createThreads<BatchJob, PixelBatch>({ module, count: workers, data: source });
  return { ahead: workers * PREFETCH, make: threads.run, close: threads.close };
}
