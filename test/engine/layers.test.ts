/** The two layers that the addon has of its own, by plain operators. */
import { describe, expect, it } from 'vitest';
import {
  backward,
  grad,
  manualSeed,
  memoryInUse,
  noGrad,
  ops,
  scope,
  type Tensor,
  tensor,
  toArray,
} from '#uafer/engine/index.js';

/** Of random numbers, the same in each test. */
function random(...shape: number[]): Tensor {
  return ops.randn(shape);
}

function leaf(x: Tensor): Tensor {
  x.requiresGrad = true;
  return x;
}

/** The largest difference over the largest value. */
function apart(a: Tensor, b: Tensor): number {
  return noGrad(() =>
    scope(() => {
      const [x, y] = [ops.toDtype(a, 'float64'), ops.toDtype(b, 'float64')];
      return ops.amax(ops.abs(ops.sub(x, y)), [...x.shape.keys()]).item() / ops.amax(ops.abs(y), [...y.shape.keys()]).item();
    }),
  );
}

/** Elements as many as 32 pieces and a bit, so that every thread has some and the last piece is short. */
const MANY = (32 << 15) + 77;

describe('a product of tokens with weights', () => {
  // Large enough for the quick way where the processor has one: 2^25 multiplications and more.
  it.each([
    ['one picture', 1, 197, 768, 768],
    ['many pictures', 17, 50, 256, 512],
    ['an odd number of everything', 3, 333, 301, 157],
  ])('and its gradients are those in double precision: %s', (_, pictures, tokens, width, out) => {
    manualSeed(5);
    scope(() => {
      const x = leaf(random(pictures, tokens, width));
      const w = leaf(random(out, width));
      const b = leaf(random(out));
      const arriving = random(pictures, tokens, out);
      const doubles = [x, w, b].map((value) => leaf(noGrad(() => ops.toDtype(value, 'float64'))));
      const [dx, dw, db] = doubles as [Tensor, Tensor, Tensor];
      const made = ops.linear(x, w, b);
      const exact = ops.linear(dx, dw, db);
      expect(made.shape).toEqual([pictures, tokens, out]);
      // Sums of up to 768 (of weights' gradients 850 to 1,000) products in single precision, added one after the other.
      expect(apart(made, exact)).toBeLessThan(3e-6);
      const loss = ops.sum(ops.mul(made, arriving));
      const exactLoss = ops.sum(ops.mul(exact, ops.toDtype(arriving, 'float64')));
      const [gradients, exactGradients] = [grad([loss], [x, w, b]), grad([exactLoss], doubles)];
      for (const [i, gradient] of gradients.entries())
        expect(apart(gradient as Tensor, exactGradients[i] as Tensor)).toBeLessThan(3e-6);
    });
  });

  it('is the same for parts of tensors, and without a bias', () => {
    manualSeed(6);
    scope(() => {
      const x = ops.slice(random(2, 400, 512), 1, 3, 397);
      const w = random(512, 512);
      expect(apart(ops.linear(x, w), ops.matmul(x, ops.transpose(w, 0, 1)))).toBeLessThan(3e-6);
    });
  });

  it('takes small ones, other shapes and other types as before', () => {
    scope(() => {
      const x = tensor([1, 2, 3, 4], [2, 2]);
      const w = tensor([1, 0, 0, 1, 1, 1], [3, 2]);
      expect(toArray(ops.linear(x, w, tensor([0, 0, 1], [3])))).toEqual([1, 2, 4, 3, 4, 8]);
      expect(ops.linear(ops.toDtype(random(4, 300, 400), 'bfloat16'), ops.toDtype(random(500, 400), 'bfloat16')).dtype).toBe(
        'bfloat16',
      );
    });
  });

  it('says what does not fit', () => {
    scope(() => {
      expect(() => ops.linear(random(4, 300, 400), random(500, 399))).toThrow(/^linear: /);
    });
  });
});

describe('QuickGELU', () => {
  const plain = (x: Tensor) => ops.mul(x, ops.sigmoid(ops.mul(x, 1.702)));

  it.each([
    ['a few numbers', 9],
    ['many', MANY],
  ])('and its gradient are x sigmoid(1.702 x), bit for bit: %s', (_, count) => {
    manualSeed(7);
    scope(() => {
      const x = leaf(random(count));
      const same = leaf(noGrad(() => ops.clone(x)));
      const arriving = random(count);
      const [made, expected] = [ops.quickGelu(x), plain(same)];
      expect(toArray(ops.eq(made, expected)).every(Boolean)).toBe(true);
      backward(made, arriving);
      backward(expected, arriving);
      expect(toArray(ops.eq(x.grad as Tensor, same.grad as Tensor)).every(Boolean)).toBe(true);
    });
  });

  it('is differentiated twice', () => {
    manualSeed(8);
    scope(() => {
      const second = (layer: (x: Tensor) => Tensor, x: Tensor) => {
        const [first] = grad([ops.sum(layer(x))], [x], { createGraph: true });
        return grad([ops.sum(ops.mul(first as Tensor, first as Tensor))], [x])[0] as Tensor;
      };
      const x = leaf(random(MANY));
      // The two gradients are the same sums in another order.
      expect(apart(second(ops.quickGelu, x), second(plain, x))).toBeLessThan(1e-6);
    });
  });

  it('keeps nothing but its input for backward', () => {
    scope(() => {
      const x = leaf(random(MANY));
      const before = memoryInUse();
      const made = ops.quickGelu(x);
      expect(memoryInUse() - before).toBeLessThan(1.1 * 4 * MANY);
      made.dispose();
    });
  });
});
