import { expect, test } from 'vitest';
import { ops, tensor, toArray } from '#uafer/engine/index.js';
import { createMovingAverage, updateMovingAverage, withAverages } from '#uafer/train/movingAverage.js';

const model = () => ({
  weight: tensor([1, 2], [2]),
  'bn.running_mean': tensor([0], [1]),
  frozen: tensor([7], [1]),
});

test('averages the trained tensors and the running statistics, and nothing else', () => {
  const ema = createMovingAverage(model(), new Set(['weight']), 0.9);
  expect(Object.keys(ema.averages).sort()).toEqual(['bn.running_mean', 'weight']);
});

test('moves by 1 - decay, faster in the first steps', () => {
  const state = model();
  const ema = createMovingAverage(state, new Set(['weight']), 0.9);
  ops.copy_(state.weight, tensor([3, 6], [2]));
  updateMovingAverage(ema, 1);
  // d = (1 + 1) / (10 + 1) = 2 / 11
  const early = toArray(ema.averages.weight ?? state.weight);
  expect(early[0]).toBeCloseTo(1 * (2 / 11) + 3 * (9 / 11), 6);
  updateMovingAverage(ema, 10_000);
  const late = toArray(ema.averages.weight ?? state.weight);
  expect(late[0]).toBeCloseTo((early[0] as number) * 0.9 + 3 * 0.1, 6);
});

test('lends the averages to a block and gives the weights back, also when the block throws', async () => {
  const state = model();
  const ema = createMovingAverage(state, new Set(['weight']), 0.9);
  ops.copy_(state.weight, tensor([3, 6], [2]));
  const seen = await withAverages(ema, async () => toArray(state.weight));
  expect(seen).toEqual([1, 2]);
  expect(toArray(state.weight)).toEqual([3, 6]);
  await expect(withAverages(ema, () => Promise.reject(new Error('broken')))).rejects.toThrow('broken');
  expect(toArray(state.weight)).toEqual([3, 6]);
  expect(toArray(ema.averages.weight ?? state.weight)).toEqual([1, 2]);
});
