import { expect, it } from 'vitest';
import { backward, manualSeed, ops, scope } from '#uafer/engine/index.js';
import { profiled } from '#uafer/engine/profile.js';

it("gives each operator's calls and the time of its own, backward's too", async () => {
  manualSeed(1);
  const began = performance.now();
  const operators = await profiled(() =>
    scope(() => {
      const [x, w] = [ops.randn([4, 300, 400]), ops.randn([500, 400])];
      w.requiresGrad = true;
      backward(ops.sum(ops.matmul(x, ops.transpose(w, 0, 1))));
      for (let i = 0; i < 7; i++) ops.exp(x);
    }),
  );
  const seconds = (performance.now() - began) / 1000;
  const calls = new Map(operators.map(({ name, calls: count }) => [name, count]));
  expect(calls.get('aten::exp')).toBe(7);
  // One product forward, and in backward one for the weights: the pictures want no gradient.
  expect(calls.get('aten::mm')).toBe(2);
  // No time is counted twice.
  expect(operators.reduce((sum, { seconds: own }) => sum + own, 0)).toBeLessThan(seconds);
  expect(operators.every(({ seconds: own }, i) => own <= (operators[i - 1]?.seconds ?? seconds))).toBe(true);
});

it('runs one at a time, and ends with its block whatever happens', async () => {
  const failing = profiled(() => {
    throw new Error('inside');
  });
  await expect(failing).rejects.toThrow('inside');
  await expect(profiled(() => profiled(() => {}).then(() => {}))).rejects.toThrow(/beginProfile: one is running/);
  expect(await profiled(() => {})).toEqual([]);
});
