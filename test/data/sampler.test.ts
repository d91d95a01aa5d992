import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { classWeights, drawOrder } from '#uafer/data/sampler.js';

const original = JSON.parse(readFileSync(new URL('../fixtures/sampler.json', import.meta.url), 'utf8')) as {
  targets: number[];
  weights: number[];
};
const ascending = (values: Int32Array) => [...values].sort((a, b) => a - b);

describe('drawOrder', () => {
  const labels = Array.from({ length: 3000 }, (_, i) => (i % 30 === 0 ? 1 : 0));
  const rareShare = (order: Int32Array) => order.filter((position) => labels[position] === 1).length / order.length;

  it('keeps the order when sequential', () => {
    expect([...drawOrder({ draw: 'sequential', labels: [4, 2, 0], seed: 1, epoch: 1 })]).toEqual([0, 1, 2]);
  });

  it('visits each picture once when shuffled, in another order each epoch and seed, and the same for the same', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 300 }), fc.integer({ min: 0, max: 2 ** 31 }), (count, seed) => {
        const order = drawOrder({ draw: 'shuffle', labels: new Uint8Array(count), seed, epoch: 0 });
        expect(ascending(order)).toEqual(Array.from({ length: count }, (_, i) => i));
      }),
    );
    const order = (seed: number, epoch: number) => [...drawOrder({ draw: 'shuffle', labels, seed, epoch })];
    expect(order(1, 2)).toEqual(order(1, 2));
    expect(order(1, 2)).not.toEqual(order(1, 3));
    expect(order(1, 2)).not.toEqual(order(2, 2));
  });

  it("weighs pictures as the original's sampler does", () => {
    const weights = classWeights(original.targets, 1);
    expect(weights).toHaveLength(original.weights.length);
    original.weights.forEach((weight, i) => {
      expect(weights[i]).toBeCloseTo(weight, 12);
    });
  });

  it('draws classes alike when imbalanced, as many pictures as the list has', () => {
    const order = drawOrder({ draw: 'imbalanced', labels, seed: 5, epoch: 0 });
    expect(order).toHaveLength(3000);
    expect(Math.abs(rareShare(order) - 0.5)).toBeLessThan(0.05);
  });

  it('draws between the two with a power between 0 and 1', () => {
    const order = drawOrder({ draw: 'balanced-power', labels, seed: 5, epoch: 0, samplerPower: 0.5 });
    const expected = 100 ** 0.5 / (100 ** 0.5 + 2900 ** 0.5);
    expect(Math.abs(rareShare(order) - expected)).toBeLessThan(0.03);
    expect(() => drawOrder({ draw: 'balanced-power', labels, seed: 5, epoch: 0 })).toThrow(
      expect.objectContaining({ code: 'USAGE' }),
    );
  });
});
