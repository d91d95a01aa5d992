/** Ends threads at bad moments. Usage: node workers.js HOW TIMES; prints `ended` when the process outlived it. */
import { Worker, isMainThread, parentPort, workerData } from 'node:worker_threads';
import { setTimeout } from 'node:timers/promises';
import { autocast, backward, inferenceMode, ops, scope, setThreads, tensor } from '#uafer/engine/index.js';

setThreads(1);
const kept = [];
const work = () => {
  const x = tensor([1, 2, 3], [3]);
  x.requiresGrad = true;
  const y = ops.mul(x, 2);
  backward(ops.sum(y));
  kept.push(x.grad, y.data());
  if (kept.length > 1000) kept.length = 0;
};
const forever = () => {
  for (;;) scope(work);
};

const endings = {
  /** The thread returns with live handles and arrays over tensors. */
  returned: () => work(),
  /** `process.exit` within a scope, inference mode and autocast. */
  exited: () => inferenceMode(() => autocast({ device: 'cpu', dtype: 'bfloat16' }, () => scope(() => (kept.push(ops.ones([3])), process.exit(0))))),
  thrown: () => {
    work();
    throw new Error('thrown');
  },
  /** Terminated by the main thread while it calls operators. */
  terminated: () => {
    parentPort.postMessage('working');
    forever();
  },
};

async function endOne(how, i) {
  const worker = new Worker(new URL(import.meta.url), { workerData: how });
  worker.on('error', () => {});
  const ended = new Promise((resolve) => worker.once('exit', resolve));
  if (how === 'terminated') {
    await new Promise((resolve) => worker.once('message', resolve));
    await setTimeout(i % 7);
    await worker.terminate();
  }
  await ended;
}

if (isMainThread) {
  const [how, times] = process.argv.slice(2);
  work();
  for (let i = 0; i < Number(times); i++) await endOne(how, i);
  work(); // the main thread's own engine still works
  console.log('ended');
} else {
  endings[workerData]();
}
