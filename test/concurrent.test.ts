import { describe, expect, it } from 'vitest';
import { forEachConcurrently } from '#uafer/concurrent.js';

describe('forEachConcurrently', () => {
  it('begins in order, so many at a time, and none after the signal', async () => {
    const controller = new AbortController();
    const begun: number[] = [];
    let underWay = 0;
    let most = 0;
    const work = async (item: number) => {
      begun.push(item);
      most = Math.max(most, ++underWay);
      await new Promise((resolve) => setTimeout(resolve, 1));
      underWay--;
      if (item === 5) controller.abort();
    };
    await forEachConcurrently([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11], 3, work, controller.signal);
    expect(most).toBe(3);
    expect(begun).toEqual(begun.toSorted((a, b) => a - b));
    expect(begun.length).toBeLessThan(9);
  });

  it('throws the first failure and begins no more', async () => {
    const begun: number[] = [];
    const work = async (item: number) => {
      begun.push(item);
      await Promise.resolve();
      if (item === 1) throw new Error('item 1');
    };
    await expect(forEachConcurrently([0, 1, 2, 3, 4, 5, 6, 7], 2, work)).rejects.toThrow('item 1');
    expect(begun.length).toBeLessThan(6);
  });
});
