import { setTimeout as pause } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { latest } from '#uafer/video/latest.js';

async function* counting(count: number, every: number): AsyncGenerator<number> {
  for (let i = 0; i < count; i++) {
    await pause(every);
    yield i;
  }
}

it('the newest is taken and the late ones are dropped; the last one always comes', async () => {
  const taken: number[] = [];
  for await (const value of latest(counting(40, 5), () => {})) {
    taken.push(value);
    await pause(50);
  }
  expect(taken.length).toBeLessThan(20);
  expect(taken.at(-1)).toBe(39);
  expect(taken).toEqual([...new Set(taken)].sort((a, b) => a - b));
});

it('nothing is dropped where one is done before the next comes', async () => {
  const taken: number[] = [];
  for await (const value of latest(counting(10, 5), () => {})) taken.push(value);
  expect(taken).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
});

it('a failure comes through, after what came before it', async () => {
  async function* failing() {
    yield 1;
    throw new Error('unplugged');
  }
  const taken: number[] = [];
  const read = async () => {
    for await (const value of latest(failing(), () => {})) taken.push(value);
  };
  await expect(read()).rejects.toThrow('unplugged');
  expect(taken).toEqual([1]);
});

it('leaving stops the source, which may be waiting', async () => {
  let stop = () => {};
  const stopped = new Promise<void>((resolve) => {
    stop = resolve;
  });
  async function* hanging() {
    yield 1;
    await stopped;
  }
  for await (const _ of latest(hanging(), stop)) break;
});
