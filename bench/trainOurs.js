/**
 * The engine's side of train.js. Usage: node trainOurs.js SETTINGS.json FOLDER. Asked for a "step" it makes one of the run's second epoch, pictures included, and
 * leaves its pictures and labels in FOLDER for the other side; for "evaluate" it evaluates the test pictures; for "profile" it makes a step and
 * says where its time went; for "products" it makes the vision tower's products with weights and nothing else; for "prompts" it gives the classes' tokens.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createTokenizer } from '#uafer/clip/tokenizer.js';
import { createLoader } from '#uafer/data/loader.js';
import {
  backward,
  cpuCapability,
  libtorchVersions,
  manualSeed,
  noGrad,
  ops,
  productsByOneDnn,
  scope,
} from '#uafer/engine/index.js';
import { profiled } from '#uafer/engine/profile.js';
import { inPrecision } from '#uafer/task/precision.js';
import { prepareEngine } from '#uafer/task/prepareEngine.js';
import { createTask } from '#uafer/tasks/createTask.js';
import { createOptimizer, optimizerStep } from '#uafer/train/optimizer.js';
import { lossAndGradients } from '#uafer/train/step.js';
import { peakMiB, serve } from './contenders.js';
import { VIT_B16 } from './vitB16.js';

const [settings, folder] = process.argv.slice(2);
const config = prepareEngine(JSON.parse(readFileSync(settings, 'utf8')));
manualSeed(config.seed);
const task = createTask(config);
const optimizer = createOptimizer(task.state, task.groups);
const loader = createLoader(task.dataset.train, config, task.preprocessing, 'train');
const tests = createLoader(task.dataset.test, config, task.preprocessing, 'test');
const SECOND_EPOCH = 1;
const batches = loader.epoch(SECOND_EPOCH);
let steps = 0;

// Every picture of that epoch is looked at once before, as it is in epochs after the first ones: pictures and what the teacher says of them are kept.
for await (const batch of loader.epoch(SECOND_EPOCH)) {
  const moment = { epoch: 0, epochs: config.optimizer.epochs, step: 0, steps: loader.batches };
  noGrad(() => scope(() => inPrecision(config, () => task.loss(batch, moment).loss.item())));
}

const versions = `libtorch ${libtorchVersions().loaded} (${cpuCapability()}, products by ${productsByOneDnn() ? 'oneDNN' : 'libtorch'})`;
const answers = { prompts, step, evaluate, profile, products };
await serve(`Node.js ${process.version}, ${versions}`, async (what) => ({ ...(await answers[what]()), peakMiB: peakMiB() }));

/** Tokens of the classes' prompts, for the other side's text tower. */
function prompts() {
  const { ids, shape } = createTokenizer().tokenize(task.classes, { contextLength: VIT_B16.text.contextLength });
  const [rows, length] = shape;
  return { ids: Array.from({ length: rows }, (_, row) => Array.from(ids.subarray(row * length, (row + 1) * length), Number)) };
}

async function step() {
  const waited = { seconds: 0, batch: undefined };
  const begin = performance.now();
  const options = { precision: config.precision, device: config.device, accumulate: 1 };
  const moment = { epoch: SECOND_EPOCH, epochs: config.optimizer.epochs, step: steps++, steps: loader.batches };
  const { loss } = await lossAndGradients(task, optimizer, taken(waited), moment, options);
  optimizerStep(optimizer, config.optimizer.lr);
  const seconds = (performance.now() - begin) / 1000;
  const files = { pictures: join(folder, 'step.pictures'), labels: join(folder, 'step.labels') };
  writeFileSync(files.pictures, waited.batch.images);
  writeFileSync(files.labels, waited.batch.labels);
  return {
    seconds,
    waiting: waited.seconds,
    value: loss,
    lr: config.optimizer.lr,
    samples: waited.batch.labels.length,
    ...files,
  };
}

async function* taken(waited) {
  const asked = performance.now();
  const { value } = await batches.next();
  waited.seconds += (performance.now() - asked) / 1000;
  waited.batch = value;
  yield value;
}

/** Decoded before, as on the other side. */
async function evaluate() {
  const { value: batch } = await tests.epoch(0).next();
  const files = { pictures: join(folder, 'evaluate.pictures') };
  writeFileSync(files.pictures, batch.images);
  const begin = performance.now();
  const { logits } = noGrad(() => scope(() => inPrecision(config, () => task.predict(batch))));
  const seconds = (performance.now() - begin) / 1000;
  return { seconds, value: logits.reduce((sum, value) => sum + value, 0), samples: batch.labels.length, ...files };
}

/** The limit of this machine: each kind of product of the blocks, forward, and backward where blocks learn, as often as a step makes it. */
function products() {
  const { width, layers, patchSize, imageSize } = VIT_B16.vision;
  const learning = layers - config.optimizer.fixLayer;
  // The teacher's blocks, where what they say isn't kept.
  const taught = task.keeping?.length ? 0 : learning;
  const kinds = [
    [width, 3 * width],
    [width, width],
    [width, 4 * width],
    [4 * width, width],
  ];
  let seconds = 0;
  const timed = (work) => {
    const begin = performance.now();
    const made = work();
    seconds += (performance.now() - begin) / 1000;
    return made;
  };
  const tokens = (imageSize / patchSize) ** 2 + 1;
  const rows = config.optimizer.batchSize * tokens;
  for (let i = 0; i < (taught + layers) * kinds.length; i++) {
    const [from, to] = kinds[i % kinds.length];
    scope(() => {
      const operands = [ops.randn([config.optimizer.batchSize, tokens, from]), ops.randn([to, from]), ops.randn([to])];
      const learns = i >= (taught + layers - learning) * kinds.length;
      for (const operand of operands) operand.requiresGrad = learns;
      const made = timed(() => inPrecision(config, () => ops.linear(...operands)));
      const arriving = ops.toDtype(ops.randn(made.shape), made.dtype);
      if (learns) timed(() => backward(made, arriving));
    });
  }
  const multiplications = kinds.reduce((sum, [from, to]) => sum + rows * from * to * (taught + layers + 2 * learning), 0);
  return { seconds, multiplications };
}

async function profile() {
  let made;
  const operators = await profiled(async () => {
    made = await step();
  });
  return { ...made, operators };
}
