import { type MessagePort, parentPort, workerData } from 'node:worker_threads';
import { type ErrorCode, UaferError } from '../errors.js';
import { type BatchJob, makeBatch, type PipelineSource, type PixelBatch } from './pipeline.js';

/** To the worker: a batch to make, or `close` to end after the batch in hand. */
export type Request = { job: number; batch: BatchJob } | 'close';

/** From the worker: the batch, or why there is none. */
export type Answer = { job: number; batch: PixelBatch } | { job: number; code: ErrorCode | null; message: string };

if (parentPort) serve(parentPort, workerData as PipelineSource);

function serve(port: MessagePort, source: PipelineSource): void {
  let queue = Promise.resolve();
  let closing = false;
  port.on('message', (request: Request) => {
    if (request === 'close') {
      closing = true;
      queue.then(() => port.close());
    } else {
      queue = queue.then(() => (closing ? undefined : answer(port, source, request.job, request.batch)));
    }
  });
}

async function answer(port: MessagePort, source: PipelineSource, job: number, request: BatchJob): Promise<void> {
  try {
    const batch = await makeBatch(source, request);
    const done: Answer = { job, batch };
    port.postMessage(done, [batch.images.buffer as ArrayBuffer, batch.positions.buffer as ArrayBuffer]);
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    const failed: Answer = { job, code: error instanceof UaferError ? error.code : null, message };
    port.postMessage(failed);
  }
}
