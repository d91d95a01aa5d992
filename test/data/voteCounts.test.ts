import { expect, it } from 'vitest';
import { voteCounts } from '#uafer/data/voteCounts.js';

const sample = (label: number, counts?: number[]) => ({
  file: 'a.png',
  path: 'a.png',
  label,
  ...(counts ? { voteCounts: counts } : {}),
});

it('counts what people said of each picture, in the order of the batch, without answers that are no class', () => {
  const samples = [sample(0, [8, 1, 0, 1]), sample(1, [0, 9, 1, 0])];
  expect([...voteCounts(samples, [1, 0], 3, 'all')]).toEqual([0, 9, 1, 8, 1, 0]);
  expect([...voteCounts(samples, [1, 0], 3, 'repeated')]).toEqual([0, 9, 0, 8, 0, 0]);
});

it('takes a label for one vote where there are no votes, or none that counts', () => {
  expect([...voteCounts([sample(2), sample(1, [1, 1, 1, 5])], [0, 1], 3, 'repeated')]).toEqual([0, 0, 1, 0, 1, 0]);
});
