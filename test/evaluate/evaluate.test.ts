import { expect, test } from 'vitest';
import { preprocessingFor } from '#uafer/data/datasets.js';
import type { Batch, Dataset } from '#uafer/data/types.js';
import { evaluate } from '#uafer/evaluate/evaluate.js';
import type { Task } from '#uafer/task/task.js';

const file = (i: number) => `face${i}.png`;
const samples = [0, 1, 1, 0, 0].map((label, i) => ({ file: file(i), path: file(i), label }));
const dataset: Dataset = { name: 'folder', root: '.', classes: ['happy', 'sad'], train: [], test: samples };
/** One row of logits a picture; the second has no largest probability, the fourth is missing from the batches. */
const LOGITS = [
  [0.75, 0.25],
  [-0.5, -0.25],
  [1, 0.5],
  [9, 9],
  [0.25, 0.125],
] as const;

/** Answers from LOGITS; its evaluation loss is 10 times the size of the batch, and the epoch. */
const task: Task = {
  dataset,
  classes: dataset.classes,
  preprocessing: preprocessingFor('folder', 1),
  state: {},
  groups: [],
  loss: () => {
    throw new Error('evaluation does not train');
  },
  predict: ({ indices }) => ({
    logits: Float32Array.from([...indices].flatMap((i) => LOGITS[i] as readonly number[])),
    probabilities: Float32Array.from([...indices].flatMap(() => [0.5, 0.5])),
    uncertainty: Float32Array.from(indices, (i) => i / 8),
  }),
  evaluationLoss: (_, labels, epoch) => 10 * labels.length + epoch,
};

async function* batches(...groups: number[][]): AsyncGenerator<Batch> {
  for (const group of groups) {
    yield {
      images: new Float32Array(3 * group.length),
      shape: [group.length, 3, 1, 1],
      labels: BigInt64Array.from(group, (i) => BigInt(samples[i]?.label ?? 0)),
      indices: Int32Array.from(group),
    };
  }
}

const options = { samples, epoch: 3, precision: 'fp32', device: 'cpu' } as const;

test('gives a row a picture, with the class of the largest logit even where probabilities are equal', async () => {
  const evaluation = await evaluate(task, batches([0, 1, 2], [4]), options);
  expect(evaluation?.predictions).toEqual([
    { file: 'face0.png', label: 0, predicted: 0, logits: [0.75, 0.25], probabilities: [0.5, 0.5], uncertainty: 0 },
    { file: 'face1.png', label: 1, predicted: 1, logits: [-0.5, -0.25], probabilities: [0.5, 0.5], uncertainty: 0.125 },
    { file: 'face2.png', label: 1, predicted: 0, logits: [1, 0.5], probabilities: [0.5, 0.5], uncertainty: 0.25 },
    { file: 'face4.png', label: 0, predicted: 0, logits: [0.25, 0.125], probabilities: [0.5, 0.5], uncertainty: 0.5 },
  ]);
});

test('keeps the parameters of evidential answers and the raw votes, which the scores of trust need', async () => {
  const voted = samples.map((sample, i) => (i === 0 ? { ...sample, voteCounts: [7, 2, 1] } : sample));
  const evidential: Task = {
    ...task,
    predict: (batch) => ({ ...task.predict(batch), evidence: Float32Array.from([...batch.indices].flatMap((i) => [i, 0.5])) }),
  };
  const evaluation = await evaluate(evidential, batches([0, 2]), { ...options, samples: voted });
  expect(evaluation?.predictions.map(({ alpha, votes }) => ({ alpha, votes }))).toEqual([
    { alpha: [1, 1.5], votes: [7, 2, 1] },
    { alpha: [3, 1.5], votes: undefined },
  ]);
  const plain = await evaluate(task, batches([0]), options);
  expect(Object.keys(plain?.predictions[0] ?? {})).toEqual([
    'file',
    'label',
    'predicted',
    'logits',
    'probabilities',
    'uncertainty',
  ]);
});

test('takes the metrics over the whole set, whatever the batches', async () => {
  const one = await evaluate(task, batches([0, 1, 2, 4]), options);
  const four = await evaluate(task, batches([0], [1], [2], [4]), options);
  expect(one?.metrics).toMatchObject({ samples: 4, accuracy: 3 / 4, meanClassAccuracy: (1 + 1 / 2) / 2 });
  expect(four?.metrics).toEqual(one?.metrics);
});

test('averages the evaluation loss over batches, as the original prints it', async () => {
  expect((await evaluate(task, batches([0, 1, 2], [4]), options))?.loss).toBe((30 + 10) / 2 + 3);
  const { evaluationLoss: _, ...without } = task;
  expect((await evaluate(without, batches([0]), options))?.loss).toBeNull();
});

test('stops between batches without a result, and tells how many are done', async () => {
  const done: number[] = [];
  const shouldStop = () => done.length === 2;
  const stopped = await evaluate(task, batches([0], [1], [2]), {
    ...options,
    shouldStop,
    onBatch: (count) => done.push(count),
  });
  expect(stopped).toBeNull();
  expect(done).toEqual([1, 2]);
});

test.each([
  ['logits', { logits: Float32Array.of(Number.NaN, 1) }],
  ['logits without end', { logits: Float32Array.of(Number.POSITIVE_INFINITY, 1) }],
  ['probabilities', { probabilities: Float32Array.of(Number.NaN, 1) }],
  ['an uncertainty', { uncertainty: Float32Array.of(Number.NaN) }],
])('refuses %s that are not numbers, naming the picture', async (_, wrong) => {
  const answer = {
    logits: Float32Array.of(2, 1),
    probabilities: Float32Array.of(0.5, 0.5),
    uncertainty: Float32Array.of(1),
  };
  const broken: Task = { ...task, predict: () => ({ ...answer, ...wrong }) };
  await expect(evaluate(broken, batches([2]), options)).rejects.toThrow(/face2\.png are not numbers/);
});
