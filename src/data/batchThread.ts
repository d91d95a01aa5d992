/** A thread that makes batches. Started by `batchPool.ts`. */
import { workerData } from 'node:worker_threads';
import { inThread } from '../threads.js';
import { type BatchJob, makeBatch, type PipelineSource, type PixelBatch } from './pipeline.js';

const source = workerData as PipelineSource;

export const work = inThread(
  (job: BatchJob): Promise<PixelBatch> => makeBatch(source, job),
  ({ images, bytes, positions }) =>
    [images, positions, ...(bytes ? [bytes.pixels] : [])].map(({ buffer }) => buffer as ArrayBuffer),
);
