/** The training thread: makes the task and trains it. Started by `host.ts`. */
import { parentPort, workerData } from 'node:worker_threads';
import { manualSeed, setThreads } from '../engine/index.js';
import { UaferError } from '../errors.js';
import { createTask } from './createTask.js';
import { chooseDevice } from './device.js';
import type { TrainingMessage, TrainingRequest } from './host.js';
import type { TrainResult } from './messages.js';
import { train } from './trainer.js';

const send = (message: TrainingMessage) => parentPort?.postMessage(message);

async function run({ config: asked, resume, stop }: TrainingRequest): Promise<TrainResult> {
  const flag = new Int32Array(stop);
  const config = { ...asked, device: chooseDevice(asked.device) };
  const here = { ...config, device: chooseDevice(config.device) };
  if (here.threads > 0) setThreads(here.threads);
  manualSeed(here.seed);
  const task = createTask(here);
  return train(task, here, { resume, onEvent: send, shouldStop: () => Atomics.load(flag, 0) !== 0 });
}

try {
  send({ kind: 'done', result: await run(workerData as TrainingRequest) });
} catch (error) {
  const { message, stack } = error instanceof Error ? error : new Error(String(error));
  send({ kind: 'failed', code: error instanceof UaferError ? error.code : null, message, stack: stack ?? message });
}
