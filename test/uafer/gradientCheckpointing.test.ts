/** Gradient checkpointing changes what is in memory, and no bit of loss and gradients. */
import { expect, it } from 'vitest';
import { readClip } from '#uafer/clip/readClip.js';
import { resolveConfig } from '#uafer/config/resolve.js';
import type { Batch, Dataset } from '#uafer/data/types.js';
import { backward, manualSeed, memoryInUse, ops, scope, type Tensor, toArray } from '#uafer/engine/index.js';
import { inPrecision } from '#uafer/task/precision.js';
import { createUaFerTask } from '#uafer/uafer/uaferTask.js';
import { fixture } from '../support/fixtures.js';

const dataset: Dataset = { name: 'rafdb', root: '.', classes: ['neutral', 'happy'], train: [], test: [] };
const MOMENT = { epoch: 1, epochs: 2, step: 0, steps: 1 };

function stepOf(gradientCheckpointing: boolean, options: Record<string, unknown>, pictures = 3) {
  const all = { dataPath: '.', clipPath: 'tiny2h_clip.safetensors', device: 'cpu', 'model.topk': 4, ...options };
  const config = resolveConfig({
    recipe: 'released',
    options: { ...all, 'optimizer.gradientCheckpointing': gradientCheckpointing },
  });
  const task = createUaFerTask(config, dataset, readClip(fixture('tiny2h_clip.safetensors')));
  for (const { names } of task.groups) for (const name of names) (task.state[name] as Tensor).requiresGrad = true;
  const { imageSize } = task.preprocessing;
  manualSeed(3);
  return scope(() => {
    const shape = [pictures, 3, imageSize, imageSize] as const;
    const batch: Batch = {
      images: ops.randn(shape).data() as Float32Array,
      shape,
      labels: BigInt64Array.from({ length: pictures }, (_, i) => BigInt(i % 2)),
      indices: Int32Array.from({ length: pictures }, (_, i) => i),
    };
    const before = memoryInUse();
    const { loss, rest } = inPrecision(config, () => task.loss(batch, MOMENT));
    const kept = memoryInUse() - before;
    expect(rest !== undefined).toBe(gradientCheckpointing);
    backward(loss);
    rest?.();
    const gradients = task.groups
      .flatMap(({ names }) => names)
      .map((name) => [name, toArray((task.state[name] as Tensor).grad as Tensor)] as const);
    return { loss: loss.item(), gradients: Object.fromEntries(gradients), kept };
  });
}

it.each([
  ['frozen blocks', { 'optimizer.fixLayer': 1 }],
  ['nothing frozen', { 'optimizer.fixLayer': -1 }],
  ['the embedding frozen', { 'optimizer.fixLayer': 0 }],
  ['bf16', { precision: 'bf16' }],
  ['no teacher', { 'loss.distillation': 'none' }],
])('loss and gradients are the same bits: %s', (_, options) => {
  const [with_, without] = [stepOf(true, options), stepOf(false, options)];
  expect(with_.loss).toBe(without.loss);
  expect(Object.keys(without.gradients).length).toBeGreaterThan(10);
  expect(with_.gradients).toEqual(without.gradients);
});

it('less is kept for backward', () => {
  const options = { 'optimizer.fixLayer': -1 };
  expect(stepOf(true, options, 64).kept).toBeLessThan(0.5 * stepOf(false, options, 64).kept);
});
