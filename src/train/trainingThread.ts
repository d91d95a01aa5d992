/** The training thread: makes the task and trains it. Started by `trainingHost.ts`. */
import { parentPort, workerData } from 'node:worker_threads';
import { UaferError } from '../errors.js';
import type { TrainResult } from '../run/messages.js';
import { systemFailure } from '../systemErrors.js';
import { createTask } from '../tasks/createTask.js';
import { train } from './trainer.js';
import type { TrainingMessage, TrainingRequest } from './trainingHost.js';

const send = (message: TrainingMessage) => parentPort?.postMessage(message);

async function run({ config, resume, stop }: TrainingRequest): Promise<TrainResult> {
  const flag = new Int32Array(stop);
  return train(createTask(config), config, { resume, onEvent: send, shouldStop: () => Atomics.load(flag, 0) !== 0 });
}

try {
  send({ kind: 'done', result: await run(workerData as TrainingRequest) });
} catch (error) {
  const { message, stack } = error instanceof Error ? error : new Error(String(error));
  const known = error instanceof UaferError ? error : systemFailure(error);
  send({ kind: 'failed', code: known?.code ?? null, message: known?.message ?? message, stack: stack ?? message });
}
