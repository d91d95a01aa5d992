/**
 * The engine's side of backbone.js. Usage: node backboneOurs.js FERPLUS STEPS; as many steps of `recipes/small-clip.yaml` for each
 * line that it reads, with a run's own loader.
 */
import { createInterface } from 'node:readline';
import { resolveConfig } from '#uafer/config/resolve.js';
import { createLoader } from '#uafer/data/loader.js';
import { manualSeed } from '#uafer/engine/index.js';
import { createTask } from '#uafer/tasks/createTask.js';
import { createMovingAverage, updateMovingAverage } from '#uafer/train/movingAverage.js';
import { createOptimizer, optimizerStep } from '#uafer/train/optimizer.js';
import { lossAndGradients } from '#uafer/train/step.js';

const [dataPath, count] = process.argv.slice(2);
const recipe = resolveConfig({ recipe: 'small-clip', options: { dataPath, device: 'cpu' } });
// Every picture once an epoch instead of a draw, so that one epoch reads them all.
const config = { ...recipe, data: { ...recipe.data, samplerPower: undefined } };
manualSeed(config.seed);
const task = createTask(config);
const optimizer = createOptimizer(task.state, task.groups);
const ema = createMovingAverage(task.state, new Set(optimizer.parameters.keys()), config.optimizer.ema);
const loader = createLoader(task.dataset.train, config, task.preprocessing, 'train');
const batches = epochs();
let steps = 0;

// The first epoch of a run decodes the pictures and keeps them; the Python side has read them all before it begins too.
for (let i = 0; i < loader.batches; i++) await batches.next();

for await (const _ of createInterface({ input: process.stdin })) {
  const spent = { wait: 0 };
  const begin = performance.now();
  let loss = Number.NaN;
  for (let i = 0; i < Number(count); i++) loss = await step(spent);
  const seconds = (performance.now() - begin) / 1000 / Number(count);
  const peakMb = process.resourceUsage().maxRSS / 1024;
  const waiting = spent.wait / 1000 / Number(count);
  console.log(JSON.stringify({ seconds, waiting, loss, peakMb, stepsPerEpoch: loader.batches }));
}
await batches.return();
await loader.close();

async function* epochs() {
  for (let epoch = 0; ; epoch++) yield* loader.epoch(epoch);
}

async function step(spent) {
  const moment = { epoch: 0, epochs: config.optimizer.epochs, step: steps, steps: loader.batches };
  const options = { precision: config.precision, device: config.device, accumulate: 1 };
  const { loss } = await lossAndGradients(task, optimizer, nextBatch(spent), moment, options);
  optimizerStep(optimizer, config.optimizer.lr);
  updateMovingAverage(ema, ++steps);
  return loss;
}

async function* nextBatch(spent) {
  const asked = performance.now();
  const { value } = await batches.next();
  spent.wait += performance.now() - asked;
  yield value;
}
