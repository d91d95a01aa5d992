import { expect, it } from 'vitest';
import { readClip } from '#uafer/clip/readClip.js';
import { resolveConfig } from '#uafer/config/resolve.js';
import type { TrainConfig } from '#uafer/config/schema.js';
import { drawChanges, writeTensor } from '#uafer/data/augment.js';
import type { Batch, Dataset } from '#uafer/data/types.js';
import { noGrad, scope } from '#uafer/engine/index.js';
import { createPretrainTask } from '#uafer/pretrain/pretrainTask.js';
import { createRandom } from '#uafer/random.js';
import type { Task } from '#uafer/task/task.js';
import { createUaFerTask } from '#uafer/uafer/uaferTask.js';
import { fixture } from '../support/fixtures.js';
import { testPixels } from '../support/pictures.js';
import { SMALL_PRETRAINING } from '../support/smallPretraining.js';

const COUNT = 4;
const MOMENT = { epoch: 1, epochs: 4, step: 3, steps: 10 };
const dataset: Dataset = {
  name: 'affectnet',
  root: '.',
  classes: ['neutral', 'happy'],
  train: [0, 1].map((label) => ({ file: `${label}`, path: `${label}`, label })),
  test: [],
};

/** The same pictures, augmented as AffectNet's, as the processor makes them and as bytes. */
function bothBatches({ preprocessing }: Task): [images: Batch, bytes: Batch] {
  const { imageSize: size, mean, deviation } = preprocessing;
  const options = { ...preprocessing, centerCrop: false, augment: 'affectnet' } as const;
  const random = (position: number) => createRandom({ seed: 4, epoch: 1, stream: 0, position });
  const sources = Array.from({ length: COUNT }, (_, i) => testPixels(size, size, i));
  const images = new Float32Array(COUNT * 3 * size * size);
  const row = images.length / COUNT;
  for (const [i, source] of sources.entries()) writeTensor(source, options, random(i), images.subarray(i * row, (i + 1) * row));
  const rest = {
    shape: [COUNT, 3, size, size] as const,
    labels: BigInt64Array.from({ length: COUNT }, (_, i) => BigInt(i % 2)),
    indices: Int32Array.from({ length: COUNT }, (_, i) => i % 2),
  };
  const pixels = Uint8Array.from(sources.flatMap((source) => [...source]));
  const changes = sources.map((_, i) => drawChanges('affectnet', size, random(i)));
  return [
    { ...rest, images },
    { ...rest, images: new Float32Array(), bytes: { pixels, changes, mean, deviation } },
  ];
}

const tasks: Record<string, () => Task> = {
  uafer: () => {
    const options = { dataPath: '.', clipPath: 'tiny2h_clip.safetensors', device: 'cpu', 'model.topk': 4 };
    const config = resolveConfig({ recipe: 'released', options });
    return createUaFerTask(config, dataset, readClip(fixture('tiny2h_clip.safetensors')));
  },
  pretrain: () => {
    const config = resolveConfig({ recipe: 'small-clip', options: { dataPath: '.', device: 'cpu', precision: 'fp32' } });
    const small = { pretrain: SMALL_PRETRAINING.pretrain, model: { ...config.model, topk: 4 } };
    return createPretrainTask({ ...config, ...small } as TrainConfig, dataset);
  },
};

it.each(Object.keys(tasks))('%s learns from bytes and answers them as it does images, bit by bit', (name) => {
  const task = tasks[name]?.() as Task;
  expect(task.takesBytes).toBe(true);
  const [images, bytes] = bothBatches(task);
  const loss = (batch: Batch) => scope(() => task.loss(batch, MOMENT).loss.item());
  expect(loss(bytes)).toBe(loss(images));
  const logits = (batch: Batch) => noGrad(() => scope(() => task.predict(batch).logits));
  expect(logits(bytes)).toEqual(logits(images));
});
