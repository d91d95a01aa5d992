import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { createGatherer, type GatherOptions } from '#uafer/serve/gather.js';

const never = new AbortController().signal;

/** Doubles numbers, in batches that end when they are told to. */
function doubling(changed: Partial<GatherOptions<number, number>> = {}) {
  const batches: number[][] = [];
  const ends: (() => void)[] = [];
  const gatherer = createGatherer<number, number>({
    run: async (items) => {
      batches.push(items);
      await new Promise<void>((resolve) => ends.push(resolve));
      return items.map((item) => 2 * item);
    },
    most: 3,
    waitMs: 5,
    lanes: 1,
    moreThan: () => true,
    ...changed,
  });
  const end = async () => {
    ends.shift()?.();
    await sleep(0);
  };
  return { gatherer, batches, end };
}

describe('gathering', () => {
  it('waits a little for others, and gives each its own result', async () => {
    const { gatherer, batches, end } = doubling();
    const results = [gatherer.add(1, never), gatherer.add(2, never)];
    expect(batches).toEqual([]);
    await sleep(30);
    expect(batches).toEqual([[1, 2]]);
    await end();
    expect(await Promise.all(results)).toEqual([2, 4]);
  });

  it('does not wait when a batch is full, nor when nothing else can come', async () => {
    const { gatherer, batches, end } = doubling({ waitMs: 10_000 });
    for (const item of [1, 2, 3]) void gatherer.add(item, never);
    expect(batches).toEqual([[1, 2, 3]]);
    await end();
    const alone = doubling({ waitMs: 10_000, moreThan: () => false });
    void alone.gatherer.add(1, never);
    expect(alone.batches).toEqual([[1]]);
  });

  it('takes what came while a batch ran, in order, at most a batch', async () => {
    const { gatherer, batches, end } = doubling({ waitMs: 0 });
    const results = [1, 2, 3, 4, 5].map((item) => gatherer.add(item, never));
    expect(batches).toEqual([[1]]);
    await end();
    expect(batches).toEqual([[1], [2, 3, 4]]);
    await end();
    await end();
    expect(await Promise.all(results)).toEqual([2, 4, 6, 8, 10]);
  });

  it('runs as many batches at once as it has lanes', async () => {
    const { gatherer, batches } = doubling({ waitMs: 0, lanes: 2, most: 1 });
    for (const item of [1, 2, 3]) void gatherer.add(item, never);
    expect(batches).toEqual([[1], [2]]);
    await sleep(5);
    expect(gatherer.longest()).toBeGreaterThan(0);
  });

  it('drops what is aborted while it waits, and gives its place away', async () => {
    const { gatherer, batches, end } = doubling({ waitMs: 0 });
    const controller = new AbortController();
    const first = gatherer.add(1, never);
    const dropped = gatherer.add(2, controller.signal);
    const kept = gatherer.add(3, never);
    controller.abort(new Error('gone'));
    await expect(dropped).rejects.toThrow('gone');
    await expect(gatherer.add(4, controller.signal)).rejects.toThrow('gone');
    await end();
    await end();
    expect(await Promise.all([first, kept])).toEqual([2, 6]);
    expect(batches).toEqual([[1], [3]]);
  });

  it('fails a batch as a whole, and goes on with the next', async () => {
    let fail = true;
    const gatherer = createGatherer<number, number>({
      run: async (items) => {
        if (fail) throw new Error('broken');
        return items;
      },
      most: 2,
      waitMs: 0,
      lanes: 1,
      moreThan: () => false,
    });
    await expect(gatherer.add(1, never)).rejects.toThrow('broken');
    fail = false;
    expect(await gatherer.add(2, never)).toBe(2);
    expect(gatherer.longest()).toBe(0);
  });
});
