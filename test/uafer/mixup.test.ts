import { describe, expect, it } from 'vitest';
import { tensor, toArray } from '#uafer/engine/index.js';
import { blended, mixed, reversed } from '#uafer/uafer/mixup.js';
import { expectClose } from '../support/numbers.js';
import { testConfig } from '../support/runConfig.js';

const config = (mixup: number) => ({ ...testConfig('out', { data: { ...testConfig('out').data, mixup } }), seed: 7 });
const images = tensor([0, 10, 100, 1000], [4, 1, 1, 1]);
const at = (epoch: number, step: number) => ({ epoch, step });

describe('mixup', () => {
  it('mixes each picture with the one in its place from the end, by one share for the batch', () => {
    const { images: got, share } = mixed(images, config(0.4), at(1, 3));
    expect(share).toBeGreaterThan(0);
    expect(share).toBeLessThan(1);
    const other = [1000, 100, 10, 0];
    expectClose(
      toArray(got),
      [0, 10, 100, 1000].map((own, i) => share * own + (1 - share) * (other[i] as number)),
      { absolute: 1e-3 },
    );
  });

  it('draws the same share for the same seed, epoch and step, and another for another', () => {
    const share = (epoch: number, step: number) => mixed(images, config(0.4), at(epoch, step)).share;
    expect(share(1, 3)).toBe(share(1, 3));
    expect(share(1, 4)).not.toBe(share(1, 3));
    expect(share(2, 3)).not.toBe(share(1, 3));
  });

  it('leaves pictures as they are where it is off', () => {
    expect(mixed(images, config(0), at(0, 0))).toEqual({ images, share: 1 });
  });

  it('takes labels, places and votes of the others in the order of the pictures', () => {
    const batch = {
      images: new Float32Array(),
      shape: [3, 3, 1, 1] as const,
      labels: BigInt64Array.of(0n, 1n, 2n),
      indices: Int32Array.of(7, 8, 9),
      votes: Float32Array.of(1, 0, 0.5, 0.5, 0, 1),
    };
    expect(reversed(batch)).toEqual({
      labels: BigInt64Array.of(2n, 1n, 0n),
      indices: Int32Array.of(9, 8, 7),
      votes: Float32Array.of(0, 1, 0.5, 0.5, 1, 0),
    });
  });

  it('blends losses part by part', () => {
    const [own, other] = [
      { loss: tensor([1], []), parts: { loss_cls: tensor([2], []) } },
      { loss: tensor([3], []), parts: { loss_cls: tensor([6], []) } },
    ];
    const { loss, parts } = blended(own, other, 0.75);
    expect([loss.item(), parts.loss_cls?.item()]).toEqual([1.5, 3]);
  });
});
