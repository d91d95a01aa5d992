import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { createBudget } from '#uafer/serve/budget.js';

const never = new AbortController().signal;

it('gives out no more than there is, in the order of asking', async () => {
  const budget = createBudget(10);
  const got: string[] = [];
  const take = async (name: string, amount: number) => {
    const back = await budget.take(amount, never);
    got.push(name);
    return back;
  };
  const first = await take('first', 6);
  const second = take('second', 5);
  const third = take('third', 1);
  await sleep(0);
  // There would be enough for the third one, who would then go before the second for ever.
  expect(got).toEqual(['first']);
  first();
  first();
  await Promise.all([second, third]);
  expect(got).toEqual(['first', 'second', 'third']);
});

it('gives everything to who asks for more than there is', async () => {
  const budget = createBudget(10);
  const one = await budget.take(1, never);
  let has = false;
  const large = budget.take(1000, never).then((back) => {
    has = true;
    return back;
  });
  await sleep(0);
  expect(has).toBe(false);
  one();
  (await large)();
  await budget.take(10, never);
});

it('lets those behind go on when who waits gives up', async () => {
  const budget = createBudget(10);
  const first = await budget.take(5, never);
  const controller = new AbortController();
  const given = budget.take(10, controller.signal);
  const behind = budget.take(5, never);
  controller.abort(new Error('gone'));
  await expect(given).rejects.toThrow('gone');
  await behind;
  await expect(budget.take(1, controller.signal)).rejects.toThrow('gone');
  first();
});
