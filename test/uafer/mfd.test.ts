import { describe, expect, it } from 'vitest';
import { unitLength } from '#uafer/clip/affinity.js';
import { autocast, manualSeed, ops, type Tensor, tensor, toArray } from '#uafer/engine/index.js';
import { affinities } from '#uafer/uafer/mfd.js';

const options = { alpha: 0.3, topk: 2, branch: 'both', normalizeScores: true } as const;

describe('affinities', () => {
  it('are the same under autocast: bf16 would change the third digit of a score', () => {
    manualSeed(0);
    const unit = (shape: number[]): Tensor => unitLength(ops.randn(shape), -1);
    const [cls, patches, text] = [unit([3, 32]), unit([3, 5, 32]), unit([4, 32])];
    const plain = affinities(cls, patches, text, options);
    const lowered = autocast({ device: 'cpu', dtype: 'bfloat16' }, () => affinities(cls, patches, text, options));
    expect(lowered.logits.dtype).toBe('float32');
    expect(toArray(lowered.logits)).toEqual(toArray(plain.logits));
  });

  it('by hand: two classes, three patches, the two nearest count', () => {
    const cls = unitLength(tensorOf([[1, 0]]), -1);
    const patches = tensorOf([
      [
        [1, 0],
        [0, 1],
        [0.6, 0.8],
      ],
    ]);
    const text = tensorOf([
      [1, 0],
      [0, 1],
    ]);
    const { global, local, logits } = affinities(cls, patches, text, { ...options, normalizeScores: false });
    expect(toArray(global as Tensor)).toEqual([1, 0]);
    const [first, second] = toArray(local as Tensor) as [number, number];
    expect(first).toBeCloseTo((1 + 0.6) / 2, 6);
    expect(second).toBeCloseTo((1 + 0.8) / 2, 6);
    expect(toArray(logits)[0]).toBeCloseTo(0.3 * first + 0.7 * 1, 6);
    expect(toArray(logits)[1]).toBeCloseTo(0.3 * second, 6);
  });
});

function tensorOf(nested: number[][] | number[][][]): Tensor {
  const shape: number[] = [];
  for (let level: unknown = nested; Array.isArray(level); level = level[0]) shape.push(level.length);
  return tensor(nested.flat(Number.POSITIVE_INFINITY) as number[], shape);
}
