import { describe, expect, it } from 'vitest';
import {
  autocast,
  backward,
  grad,
  inferenceMode,
  noGrad,
  ops,
  scope,
  type Tensor,
  tensor,
  toArray,
} from '#uafer/engine/index.js';

const leaf = (numbers: number[], shape = [numbers.length]) => {
  const x = tensor(numbers, shape);
  x.requiresGrad = true;
  return x;
};
const gradient = (x: Tensor) => (x.grad === null ? null : toArray(x.grad as Tensor));

describe('backward', () => {
  it('adds to the gradient of the leaves', () => {
    const x = leaf([1, 2]);
    expect(x.grad).toBeNull();
    const loss = () => ops.sum(ops.mul(x, x));
    backward(loss());
    expect(gradient(x)).toEqual([2, 4]);
    backward(loss());
    expect(gradient(x)).toEqual([4, 8]);
    x.grad = null;
    expect(x.grad).toBeNull();
  });

  it('starts from a gradient that is given', () => {
    const x = leaf([1, 2]);
    backward(ops.mul(x, 3), tensor([1, 10], [2]));
    expect(gradient(x)).toEqual([3, 30]);
  });

  it('goes through what a scope has freed', () => {
    const x = leaf([1, 2]);
    backward(scope(() => ops.sum(ops.exp(ops.mul(ops.add(x, 0), 2)))));
    expect(gradient(x)?.map((g) => g.toFixed(4))).toEqual([(2 * Math.exp(2)).toFixed(4), (2 * Math.exp(4)).toFixed(4)]);
  });

  it('frees the graph unless it is retained', () => {
    const x = leaf([3]);
    const loss = ops.sum(ops.mul(x, x));
    backward(loss, null, { retainGraph: true });
    backward(loss);
    expect(gradient(x)).toEqual([12]);
    expect(() => backward(loss)).toThrow(/second time/);
  });

  it('says what cannot be differentiated', () => {
    expect(() => backward(ops.zeros([1]))).toThrow(/does not require grad/);
    expect(() => backward(ops.mul(leaf([1, 2]), 2))).toThrow(/scalar/);
    expect(() => backward(ops.mul(leaf([1, 2]), 2), ops.zeros([3]))).toThrow(/shape|size/i);
    expect(() => backward(null as unknown as Tensor)).toThrow(/a tensor was expected, got null/);
  });
});

describe('a gradient', () => {
  it('must fit its tensor', () => {
    const x = leaf([1, 2]);
    expect(() => {
      x.grad = ops.zeros([3]);
    }).toThrow(/float32? ?\[2\]|\[2\].*expected/i);
    expect(() => {
      x.grad = ops.zeros([2], { dtype: 'float64' });
    }).toThrow(/expected/);
    x.grad = tensor([5, 6], [2]);
    expect(gradient(x)).toEqual([5, 6]);
  });

  it('belongs to floating-point leaves alone', () => {
    expect(() => {
      tensor(new Int32Array(1), [1]).requiresGrad = true;
    }).toThrow(/floating/);
    const x = leaf([1]);
    const y = ops.mul(x, 2);
    expect([x.isLeaf, y.isLeaf, y.requiresGrad]).toEqual([true, false, true]);
    expect(() => {
      y.requiresGrad = false;
    }).toThrow(/leaf/);
  });
});

describe('grad', () => {
  it('gives gradients without touching the leaves, and null for what has no part', () => {
    const x = leaf([2]);
    const y = leaf([5]);
    const [gx, gy] = grad([ops.sum(ops.mul(x, x))], [x, y]);
    expect(toArray(gx as Tensor)).toEqual([4]);
    expect(gy).toBeNull();
    expect(x.grad).toBeNull();
  });

  it('can be differentiated again', () => {
    const x = leaf([2]);
    const [first] = grad([ops.pow(x, 3)], [x], { createGraph: true }) as [Tensor];
    const [second] = grad([first], [x]) as [Tensor];
    expect([toArray(first), toArray(second)]).toEqual([[12], [12]]);
  });
});

describe('noGrad and inferenceMode', () => {
  it.each([
    ['noGrad', noGrad],
    ['inferenceMode', inferenceMode],
  ])('%s records nothing, and ends when the block throws', (_, mode) => {
    const x = leaf([1]);
    expect(mode(() => ops.mul(x, 2)).requiresGrad).toBe(false);
    expect(() =>
      mode(() => {
        throw new Error('midway');
      }),
    ).toThrow('midway');
    expect(ops.mul(x, 2).requiresGrad).toBe(true);
    mode(() => mode(() => ops.mul(x, 2)));
    expect(ops.mul(x, 2).requiresGrad).toBe(true);
  });

  it('lets parameters be changed in place', () => {
    const x = leaf([1]);
    expect(() => ops.add_(x, 1)).toThrow(/leaf/);
    noGrad(() => ops.add_(x, 1));
    expect(toArray(x)).toEqual([2]);
  });

  it('keeps tensors of inferenceMode out of autograd for good', () => {
    const frozen = inferenceMode(() => ops.ones([1]));
    expect(() => ops.mul(leaf([1]), frozen)).toThrow(/[Ii]nference/);
  });
});

describe('autocast', () => {
  const bf16 = { device: 'cpu', dtype: 'bfloat16' } as const;
  const a = ops.ones([2, 2]);

  it('multiplies in the lower precision', () => {
    const { product, sum } = autocast(bf16, () => ({
      product: ops.matmul(a, a),
      sum: ops.add(a, a),
    }));
    expect([product.dtype, sum.dtype]).toEqual(['bfloat16', 'float32']);
    expect(ops.matmul(a, a).dtype).toBe('float32');
  });

  it('gives gradients in the dtype of the weights', () => {
    const w = leaf([1, 2, 3, 4], [2, 2]);
    backward(autocast(bf16, () => ops.sum(ops.toDtype(ops.matmul(w, w), 'float32'))));
    expect([w.grad?.dtype, gradient(w)]).toEqual(['float32', [7, 11, 9, 13]]);
  });

  it('sees a weight that changed between two blocks', () => {
    const w = leaf([1], [1, 1]);
    const one = ops.ones([1, 1]);
    const product = () => autocast(bf16, () => ops.toDtype(ops.matmul(one, w), 'float32').item());
    expect(product()).toBe(1);
    noGrad(() => ops.mul_(w, 3));
    expect(product()).toBe(3);
  });

  it('ends when the block throws, and nests', () => {
    expect(() =>
      autocast(bf16, () => {
        throw new Error('midway');
      }),
    ).toThrow('midway');
    expect(ops.matmul(a, a).dtype).toBe('float32');
    autocast(bf16, () => {
      autocast({ device: 'cpu', dtype: 'float16' }, () => expect(ops.matmul(a, a).dtype).toBe('float16'));
      expect(ops.matmul(a, a).dtype).toBe('bfloat16');
    });
  });

  it('can be left for a block', () => {
    autocast(bf16, () => {
      autocast({ device: 'cpu', dtype: null }, () => expect(ops.matmul(a, a).dtype).toBe('float32'));
      expect(ops.matmul(a, a).dtype).toBe('bfloat16');
    });
  });

  it('refuses devices and types that it cannot lower to, and leaves things as they were', () => {
    expect(() => autocast({ device: 'cpu', dtype: 'int64' }, () => 0)).toThrow(/float16 or bfloat16, got int64/);
    expect(() => autocast({ device: 'toaster', dtype: 'bfloat16' }, () => 0)).toThrow(/autocast: .*toaster/);
    expect(ops.matmul(a, a).dtype).toBe('float32');
  });
});
