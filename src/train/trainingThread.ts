/** The training thread: makes the task and trains it. Started by `trainingHost.ts`. */
import { parentPort, workerData } from 'node:worker_threads';
import type { TrainConfig } from '../config/schema.js';
import { deviceAvailable } from '../engine/index.js';
import { UaferError } from '../errors.js';
import type { TrainResult } from '../run/messages.js';
import { systemFailure } from '../systemErrors.js';
import { prepareEngine } from '../task/prepareEngine.js';
import { createTask } from '../tasks/createTask.js';
import type { Launch } from './launched.js';
import { meet } from './rendezvous.js';
import { contentCard, settingsCard } from './together.js';
import { train } from './trainer.js';
import type { TrainingMessage, TrainingRequest } from './trainingHost.js';

const send = (message: TrainingMessage) => parentPort?.postMessage(message);

async function run({ config, resume, launch, stop }: TrainingRequest): Promise<TrainResult> {
  const flag = new Int32Array(stop);
  const shouldStop = () => Atomics.load(flag, 0) !== 0;
  if (launch) return runTogether(config, launch, { resume, shouldStop });
  return train(createTask(config), config, { resume, onEvent: send, shouldStop });
}

/** Nothing is trained before all processes are there and have the same settings, data and weights. */
async function runTogether(
  asked: TrainConfig,
  launch: Launch,
  { resume, shouldStop }: { resume: boolean; shouldStop(): boolean },
): Promise<TrainResult> {
  const meeting = await meet(launch, shouldStop);
  try {
    const config = prepareEngine({ ...asked, device: ownDevice(asked.device, launch) });
    await meeting.compare('settings', settingsCard(config));
    const task = createTask(config);
    await meeting.compare('content', contentCard(task));
    const processes = await meeting.connect(config.device);
    return await train(task, config, { resume, processes, shouldStop, onEvent: processes.leads ? send : () => {} });
  } catch (error) {
    throw await meeting.failed(error);
  } finally {
    meeting.close();
  }
}

/** Each process of a machine has a GPU of its own. */
function ownDevice(asked: string, { localRank }: Launch): string {
  if (asked === 'cuda' || (asked === 'auto' && deviceAvailable('cuda'))) return `cuda:${localRank}`;
  if (!asked.startsWith('cuda:') || localRank === 0) return asked;
  throw new UaferError(
    'USAGE',
    `--device ${asked} is one GPU for all processes of this machine. With --device cuda each takes its own.`,
  );
}

try {
  send({ kind: 'done', result: await run(workerData as TrainingRequest) });
} catch (error) {
  const { message, stack } = error instanceof Error ? error : new Error(String(error));
  const known = error instanceof UaferError ? error : systemFailure(error);
  send({ kind: 'failed', code: known?.code ?? null, message: known?.message ?? message, stack: stack ?? message });
}
