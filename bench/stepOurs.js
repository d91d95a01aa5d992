/** The engine's side of step.js. Usage: node stepOurs.js BATCH THREADS LAYERS; a step for each line that it reads. */
import { createInterface } from 'node:readline';
import { initializeClip } from '#uafer/clip/initialize.js';
import { clipOf } from '#uafer/clip/towers.js';
import { resolveConfig } from '#uafer/config/resolve.js';
import { cpuCapability, libtorchVersions, manualSeed, ops, scope, setThreads } from '#uafer/engine/index.js';
import { createOptimizer, optimizerStep } from '#uafer/train/optimizer.js';
import { lossAndGradients } from '#uafer/train/step.js';
import { createUaFerTask } from '#uafer/uafer/uaferTask.js';
import { peakMiB } from './contenders.js';
import { VIT_B16 } from './vitB16.js';

const [batchSize, threads, layers] = process.argv.slice(2).map(Number);
setThreads(threads);
manualSeed(0);

const classes = ['surprise', 'fear', 'disgusted', 'happy', 'sad', 'anger', 'neutral'];
const architecture = { ...VIT_B16, vision: { ...VIT_B16.vision, layers } };
const config = resolveConfig({ options: { dataPath: '.', clipPath: 'random', device: 'cpu' } });
const clip = clipOf(architecture, initializeClip(architecture, 0));
const task = createUaFerTask(config, { name: 'rafdb', root: '.', classes, train: [], test: [] }, clip, { recompute: true });
const optimizer = createOptimizer(task.state, task.groups);
const shape = [batchSize, 3, 224, 224];
const batch = {
  images: scope(() => ops.randn(shape)).data(),
  shape,
  labels: BigInt64Array.from({ length: batchSize }, (_, i) => BigInt(i % classes.length)),
  indices: new Int32Array(batchSize),
};

const say = (value) => console.log(JSON.stringify(value));
say({ versions: `Node.js ${process.version}, libtorch ${libtorchVersions().loaded} (${cpuCapability()})` });
for await (const _ of createInterface({ input: process.stdin })) {
  const begin = performance.now();
  const used = process.cpuUsage();
  const options = { precision: 'fp32', device: 'cpu', accumulate: 1 };
  const moment = { epoch: 1, epochs: config.optimizer.epochs, step: 0, steps: 1 };
  const { loss } = await lossAndGradients(task, optimizer, batches(), moment, options);
  optimizerStep(optimizer, config.optimizer.lr);
  const { user, system } = process.cpuUsage(used);
  say({ seconds: (performance.now() - begin) / 1000, cpu: (user + system) / 1e6, loss });
}
say({ peakMiB: peakMiB() });

async function* batches() {
  yield batch;
}
