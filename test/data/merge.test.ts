import { expect, it } from 'vitest';
import { addTraining } from '#uafer/data/merge.js';
import type { Dataset } from '#uafer/data/types.js';

const sample = (label: number, votes?: readonly number[]) => ({ file: 'a', path: 'a', label, ...(votes ? { votes } : {}) });
const dataset: Dataset = {
  name: 'ferplus',
  root: 'ferplus',
  classes: ['neutral', 'happy', 'sad', 'fear'],
  train: [sample(0, [0.5, 0.5, 0, 0])],
  test: [sample(1, [0, 1, 0, 0])],
};
const extra: Dataset = {
  name: 'folder',
  root: 'faces',
  classes: ['fear', 'happy'],
  train: [sample(0), sample(1)],
  test: [sample(0)],
};

it('adds the training pictures, with classes matched by name and unanimous votes', () => {
  const { train, test } = addTraining(dataset, extra);
  expect(train.map(({ label, votes }) => ({ label, votes }))).toEqual([
    { label: 0, votes: [0.5, 0.5, 0, 0] },
    { label: 3, votes: [0, 0, 0, 1] },
    { label: 1, votes: [0, 1, 0, 0] },
  ]);
  expect(test).toBe(dataset.test);
});

it('spreads a share of their votes over all classes, and leaves true votes alone', () => {
  const { train } = addTraining(dataset, extra, 0.2);
  expect(train[0]?.votes).toEqual([0.5, 0.5, 0, 0]);
  expect(train[1]?.votes).toEqual([0.05, 0.05, 0.05, expect.closeTo(0.85, 12)]);
});

it('adds labels alone where the data set has no votes', () => {
  const plain = { ...dataset, train: [sample(0)] };
  expect(addTraining(plain, extra, 0.2).train[1]).toEqual(sample(3));
});

it('names a class that the data set lacks', () => {
  expect(() => addTraining(dataset, { ...extra, classes: ['fear', 'bored'] })).toThrow(
    /faces has the class "bored", which ferplus lacks/,
  );
});
