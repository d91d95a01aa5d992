import { expect, test } from 'vitest';
import type { Batch, Dataset } from '#uafer/data/types.js';
import { type Tensor, toArray } from '#uafer/engine/index.js';
import { createOptimizer } from '#uafer/train/optimizer.js';
import { lossAndGradients } from '#uafer/train/step.js';
import { createLinearTask } from '../support/linearTask.js';

const SIZE = 6;
const PIXELS = 3 * SIZE * SIZE;
const MOMENT = { epoch: 0, epochs: 1, step: 0, steps: 1 };
const dataset: Dataset = { name: 'folder', root: '.', classes: ['a', 'b', 'c'], train: [], test: [] };

/** Made-up pictures `from` to `to`; the same number is the same picture in any batch. */
function pictures(from: number, to: number): Batch {
  const count = to - from;
  return {
    images: Float32Array.from({ length: count * PIXELS }, (_, i) => Math.sin(1.7 * (from * PIXELS + i) ** 1.1)),
    shape: [count, 3, SIZE, SIZE],
    labels: BigInt64Array.from({ length: count }, (_, i) => BigInt(((from + i) * 7) % 3)),
    indices: Int32Array.from({ length: count }, (_, i) => from + i),
  };
}

async function gradients(batches: Batch[], accumulate: number) {
  const task = createLinearTask({ dataset, imageSize: SIZE });
  const optimizer = createOptimizer(task.state, task.groups);
  const arriving = (async function* () {
    yield* batches;
  })();
  const loss = await lossAndGradients(task, optimizer, arriving, MOMENT, { precision: 'fp32', device: 'cpu', accumulate });
  return {
    loss,
    weight: toArray(task.state['head.weight']?.grad as Tensor),
    bias: toArray(task.state['head.bias']?.grad as Tensor),
  };
}

function expectSame(actual: Awaited<ReturnType<typeof gradients>>, expected: Awaited<ReturnType<typeof gradients>>): void {
  expect(actual.loss.samples).toBe(expected.loss.samples);
  expect(actual.loss.loss).toBeCloseTo(expected.loss.loss, 6);
  expect(actual.loss.parts.loss_kd).toBeCloseTo(expected.loss.parts.loss_kd as number, 6);
  for (const key of ['weight', 'bias'] as const) {
    const largest = Math.max(...expected[key].map((value, i) => Math.abs(value - (actual[key][i] as number))));
    expect(largest).toBeLessThan(1e-6);
  }
}

test('two accumulated batches of 32 give the gradients and losses of one of 64', async () => {
  expectSame(await gradients([pictures(0, 32), pictures(32, 64)], 2), await gradients([pictures(0, 64)], 1));
});

test('batches of unequal size count by their pictures', async () => {
  expectSame(await gradients([pictures(0, 40), pictures(40, 43), pictures(43, 64)], 3), await gradients([pictures(0, 64)], 1));
});

test('a last step that gets fewer batches than asked for is the mean over those', async () => {
  expectSame(await gradients([pictures(0, 10)], 4), await gradients([pictures(0, 10)], 1));
});

test('gradients of an earlier step do not linger', async () => {
  const task = createLinearTask({ dataset, imageSize: SIZE });
  const optimizer = createOptimizer(task.state, task.groups);
  const options = { precision: 'fp32', device: 'cpu', accumulate: 1 } as const;
  const once = async function* () {
    yield pictures(0, 8);
  };
  await lossAndGradients(task, optimizer, once(), MOMENT, options);
  const first = toArray(task.state['head.bias']?.grad as Tensor);
  await lossAndGradients(task, optimizer, once(), MOMENT, options);
  expect(toArray(task.state['head.bias']?.grad as Tensor)).toEqual(first);
});
