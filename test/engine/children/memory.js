/**
 * Measures memory. Usage: node --expose-gc memory.js steps|abandoned|reused|collected|counted. Prints one line of JSON; sizes in MiB.
 */
import { readFileSync } from 'node:fs';
import { setImmediate } from 'node:timers/promises';
import {
  backward,
  liveHandles,
  manualSeed,
  memoryInUse,
  noGrad,
  ops,
  peakMemory,
  releaseMemory,
  resetPeakMemory,
  scope,
  setThreads,
} from '#uafer/engine/index.js';

/** Resident memory, or its highest so far (VmHWM). */
const resident = (field = 'VmRSS') => Number(new RegExp(`${field}:\\s+(\\d+)`).exec(readFileSync('/proc/self/status', 'utf8'))[1]) / 1024;

setThreads(1);
manualSeed(0);

/** 1,000 steps of a two-layer perceptron (64 to 256 to 8) with AdamW, batch 128. */
async function steps() {
  const shapes = [[256, 64], [256], [8, 256], [8]];
  const parameters = shapes.map((shape) => scope(() => ops.mul(ops.randn(shape), 0.05)));
  for (const parameter of parameters) parameter.requiresGrad = true;
  const averages = parameters.map(ops.zerosLike);
  const squares = parameters.map(ops.zerosLike);
  const counts = parameters.map(() => ops.zeros([]));
  const adamw = { lr: 1e-3, beta1: 0.9, beta2: 0.999, weightDecay: 0.01, eps: 1e-8 };
  const step = () =>
    scope(() => {
      const [w1, b1, w2, b2] = parameters;
      const x = ops.randn([128, 64]);
      const hidden = scope(() => ops.relu(ops.linear(x, w1, b1)));
      const loss = ops.mean(ops.pow(ops.sub(ops.linear(hidden, w2, b2), ops.slice(x, 1, 0, 8)), 2));
      backward(loss);
      noGrad(() => {
        for (const count of counts) ops.add_(count, 1);
        ops.fusedAdamw_(
          parameters,
          parameters.map((p) => p.grad),
          averages,
          squares,
          counts,
          adamw,
        );
      });
      for (const parameter of parameters) parameter.grad = null;
      return loss.item();
    });
  const handles = [];
  const memory = [];
  const losses = [];
  for (let i = 1; i <= 1000; i++) {
    losses.push(step());
    if (i % 50 > 0) continue;
    await setImmediate();
    handles.push(liveHandles());
    memory.push(resident());
  }
  return { handles, memory, firstLoss: losses[0], lastLoss: losses.at(-1) };
}

/** 2,000 tensors of 4 MiB that nobody disposes, ten at each turn of the event loop. */
async function abandoned() {
  for (let i = 0; i < 200; i++) {
    for (let j = 0; j < 10; j++) ops.ones([1024, 1024]);
    await setImmediate();
  }
  const peak = resident('VmHWM');
  global.gc();
  await setImmediate();
  await setImmediate();
  releaseMemory();
  return { made: 2000 * 4, peak, after: resident(), handles: liveHandles() };
}

/** Pages that the system hands out anew for 50 steps that each write 96 MiB, and what stays when other sizes follow. */
async function reused() {
  const sizes = [[8, 1024, 1024], [3, 1024, 1024], [13, 1024, 1024]]; // 32, 12 and 52 MiB
  const step = () => scope(() => sizes.map((size) => ops.ones(size)).length);
  step();
  const before = process.resourceUsage().minorPageFault;
  for (let i = 0; i < 50; i++) step();
  const faults = process.resourceUsage().minorPageFault - before;
  const peak = resident();
  for (let i = 1; i <= 60; i++) scope(() => void ops.ones([i, 300, 1024]));
  const grown = resident() - peak;
  releaseMemory();
  return { faults, grown, released: peak - resident() };
}

/** Handles that the collector finds before their scope ends: freed once, whichever comes first. */
async function collected() {
  for (let i = 0; i < 30; i++) {
    scope(() => {
      for (let j = 0; j < 5000; j++) ops.zeros([16]);
      global.gc();
      scope(() => void ops.zeros([16]));
    });
    if (i % 3 === 0) await setImmediate();
  }
  await setImmediate();
  return { handles: liveHandles() };
}

/** A tensor of 24 MiB and 100 small ones of 4 KiB are held; one of 40 MiB comes and goes meanwhile. */
async function counted() {
  const MIB = 2 ** 20;
  const before = memoryInUse() / MIB;
  const { held } = scope(() => {
    ops.ones([6, 1024, 1024]);
    for (let i = 0; i < 100; i++) ops.ones([1024]);
    const now = memoryInUse() / MIB;
    scope(() => void ops.ones([10, 1024, 1024]));
    return { held: now };
  });
  const [after, peak] = [memoryInUse() / MIB, peakMemory() / MIB];
  resetPeakMemory();
  return { before, held, after, peak, reset: peakMemory() / MIB };
}

const measure = { steps, abandoned, reused, collected, counted }[process.argv[2]];
console.log(JSON.stringify(await measure()));
