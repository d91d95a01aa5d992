import { expect, it } from 'vitest';
import { readClip } from '#uafer/clip/readClip.js';
import { resolveConfig } from '#uafer/config/resolve.js';
import type { Batch, Dataset } from '#uafer/data/types.js';
import { manualSeed, noGrad, ops, scope, type Tensor, tensor, toArray } from '#uafer/engine/index.js';
import type { Task } from '#uafer/task/task.js';
import { createTeacherFeatures, worthKeeping } from '#uafer/uafer/teacherFeatures.js';
import { createUaFerTask } from '#uafer/uafer/uaferTask.js';
import { fixture } from '../support/fixtures.js';

const SIDE = 2;
/** (B, 3, 2, 2), each picture filled with its number. */
const pictures = (...numbers: number[]): Tensor =>
  tensor(
    numbers.flatMap((number) => new Array<number>(3 * SIDE * SIDE).fill(number)),
    [numbers.length, 3, SIDE, SIDE],
  );

/** Its number and twice that as features; counts the pictures that it is asked for. */
function counted() {
  const asked: number[] = [];
  const encode = (images: Tensor) => {
    const first = ops.slice(ops.reshape(images, [-1, 3 * SIDE * SIDE]), 1, 0, 1);
    asked.push(...toArray(first));
    return ops.cat([first, ops.mul(first, 2)], 1);
  };
  return { asked, encode };
}

it('asks for each picture and variant once, and gives each its own', () => {
  const { asked, encode } = counted();
  const features = createTeacherFeatures(encode);
  const of = (numbers: number[], keys: number[]) => scope(() => toArray(features.of(pictures(...numbers), keys)));
  expect(of([5, 6], [10, 13])).toEqual([5, 10, 6, 12]);
  expect(of([7, 5, 7], [11, 10, 11])).toEqual([7, 14, 5, 10, 7, 14]);
  expect(of([6, 7], [13, 11])).toEqual([6, 12, 7, 14]);
  expect(asked).toEqual([5, 6, 7]);
});

it('keeps as many as fit, and asks anew for the others', () => {
  const { asked, encode } = counted();
  const features = createTeacherFeatures(encode, { mostBytes: 2 * 2 * Float32Array.BYTES_PER_ELEMENT });
  const of = (numbers: number[], keys: number[]) => scope(() => toArray(features.of(pictures(...numbers), keys)));
  for (let epoch = 0; epoch < 2; epoch++) expect(of([1, 2, 3], [2, 4, 6])).toEqual([1, 2, 2, 4, 3, 6]);
  expect(asked).toEqual([1, 2, 3, 3]);
});

it('pays where the epochs are enough for all variants of each picture', () => {
  expect(worthKeeping({ layers: 12, fixLayer: 2, epochs: 50, variants: 2 })).toBe(true);
  expect(worthKeeping({ layers: 12, fixLayer: -1, epochs: 2, variants: 2 })).toBe(false);
  expect(worthKeeping({ layers: 12, fixLayer: -1, epochs: 2, variants: 1 })).toBe(true);
  expect(worthKeeping({ layers: 12, fixLayer: 8, epochs: 6, variants: 2 })).toBe(false);
  expect(worthKeeping({ layers: 12, fixLayer: 8, epochs: 7, variants: 2 })).toBe(true);
});

const COUNT = 5;
const dataset: Dataset = {
  name: 'rafdb',
  root: '.',
  classes: ['neutral', 'happy'],
  train: Array.from({ length: COUNT }, (_, i) => ({ file: `${i}`, path: `${i}`, label: i % 2 })),
  test: [],
};

function newTask(options: Record<string, unknown> = {}): Task {
  const all = { dataPath: '.', clipPath: 'tiny2h_clip.safetensors', device: 'cpu', 'model.topk': 4, ...options };
  return createUaFerTask(
    resolveConfig({ recipe: 'released', options: all }),
    dataset,
    readClip(fixture('tiny2h_clip.safetensors')),
  );
}

function batchOf({ preprocessing: { imageSize } }: Task, indices: readonly number[], variants?: readonly number[]): Batch {
  manualSeed(3);
  const all = scope(() => ops.randn([2 * COUNT, 3, imageSize, imageSize]).data() as Float32Array);
  const row = 3 * imageSize * imageSize;
  const images = new Float32Array(indices.length * row);
  for (const [i, index] of indices.entries()) {
    const key = 2 * index + (variants?.[i] ?? 0);
    images.set(all.subarray(key * row, (key + 1) * row), i * row);
  }
  return {
    images,
    shape: [indices.length, 3, imageSize, imageSize],
    labels: BigInt64Array.from(indices, (index) => BigInt(index % 2)),
    indices: Int32Array.from(indices),
    ...(variants && { variants: Uint8Array.from(variants) }),
  };
}

const MOMENT = { epoch: 1, epochs: 50, step: 0, steps: 1 };
const partsOf = (task: Task, batch: Batch) =>
  scope(() => Object.values(task.loss(batch, MOMENT).parts).map((part) => part.item()));

it.each([
  ['frozen blocks', {}],
  ['nothing frozen', { 'optimizer.fixLayer': -1 }],
])('a task that keeps them has the losses of one that computes them at every step: %s', (_, options) => {
  const task = newTask(options);
  const indices = [0, 3, 1, 3];
  const named = batchOf(task, indices, [0, 0, 0, 0]);
  const { variants: _variants, ...nameless } = named;
  const expected = partsOf(task, nameless);
  for (const time of ['made', 'kept']) {
    // Sums of a few hundred numbers about 1 in another order, in single precision.
    for (const [i, part] of partsOf(task, named).entries()) expect(part, time).toBeCloseTo(expected[i] as number, 6);
  }
});

it('the bits are the same whatever was kept before', () => {
  const [cold, warm] = [newTask(), newTask()];
  partsOf(warm, batchOf(warm, [4, 1, 0], [1, 1, 0]));
  partsOf(warm, batchOf(warm, [2], [0]));
  const batch = batchOf(cold, [0, 1, 2, 4], [0, 1, 0, 1]);
  expect(partsOf(warm, batch)).toEqual(partsOf(cold, batch));
});

it('the teacher stays what it was when the student has learned', () => {
  const task = newTask();
  const batch = batchOf(task, [0, 1], [0, 0]);
  const other = newTask();
  partsOf(task, batch);
  for (const { state } of [task, other])
    for (const { names } of task.groups)
      noGrad(() => scope(() => names.map((name) => ops.copy_(state[name] as Tensor, ops.mul(state[name] as Tensor, 1.1)))));
  // One kept them before, the other asks its teacher now.
  expect(partsOf(task, batch)).toEqual(partsOf(other, batch));
});
