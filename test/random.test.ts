import { describe, expect, it } from 'vitest';
import { createRandom, philox, symmetricBeta } from '#uafer/random.js';

describe('philox', () => {
  // Known answers of the authors' own library (Random123, kat_vectors, philox4x32 10).
  it.each([
    [
      [0, 0, 0, 0],
      [0, 0],
      [0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8],
    ],
    [
      [0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff],
      [0xffffffff, 0xffffffff],
      [0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd],
    ],
    [
      [0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344],
      [0xa4093822, 0x299f31d0],
      [0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1],
    ],
  ])('gives the published words for counter %j', (counter, [key0 = 0, key1 = 0], words) => {
    const block = Uint32Array.from(counter);
    philox(block, key0, key1);
    expect([...block]).toEqual(words);
  });
});

describe('createRandom', () => {
  const key = { seed: 3, epoch: 5, stream: 0, position: 7 };
  const draw = (changed: object, count = 6) => {
    const random = createRandom({ ...key, ...changed });
    return Array.from({ length: count }, () => random.next());
  };

  it('repeats for the same key and differs when any part of it differs', () => {
    expect(draw({})).toEqual(draw({}));
    for (const changed of [{ seed: 4 }, { epoch: 6 }, { stream: 1 }, { position: 8 }])
      expect(draw(changed)).not.toEqual(draw({}));
  });

  it('is uniform in [0, 1)', () => {
    const values = draw({}, 20_000);
    const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
    expect(Math.abs(mean - 0.5)).toBeLessThan(0.01);
    expect(Math.min(...values)).toBeGreaterThanOrEqual(0);
    expect(Math.max(...values)).toBeLessThan(1);
  });
});

describe('symmetricBeta', () => {
  // Beta(a, a) has the mean 1/2 and the variance 1 / (4 (2a + 1)); five standard errors of the mean, and a tenth of the variance.
  it.each([0.1, 0.4, 1])('draws from Beta(%f, %f)', (a) => {
    const random = createRandom({ seed: 1, epoch: 2, stream: 4, position: 3 });
    const values = Array.from({ length: 20_000 }, () => symmetricBeta(a, random));
    const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
    const variance = values.reduce((sum, value) => sum + (value - 0.5) ** 2, 0) / values.length;
    const expected = 1 / (4 * (2 * a + 1));
    expect(Math.abs(mean - 0.5)).toBeLessThan(5 * Math.sqrt(expected / values.length));
    expect(Math.abs(variance / expected - 1)).toBeLessThan(0.1);
    expect(values.every((value) => value >= 0 && value <= 1)).toBe(true);
  });
});
