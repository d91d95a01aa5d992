/** The two layers that the addon has of its own, by plain operators. */
import { describe, expect, it } from 'vitest';
import {
  autocast,
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

describe('a product of tokens with weights', () => {
  // Large enough for the quick way where the processor has one: 2^25 multiplications and more.
  it.each([
    ['one picture', 1, 197, 768, 768],
    ['so few that their sum is a plain product', 4, 197, 768, 768],
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
      const [ours, theirs] = [leaf(noGrad(() => ops.clone(w))), leaf(w)];
      backward(ops.sum(ops.linear(x, ours)));
      backward(ops.sum(ops.matmul(x, ops.transpose(theirs, 0, 1))));
      expect(apart(ours.grad as Tensor, theirs.grad as Tensor)).toBeLessThan(3e-6);
    });
  });

  it('gives only what learns its gradient, and is differentiated twice', () => {
    manualSeed(6);
    scope(() => {
      const [x, w, b] = [random(3, 333, 301), random(157, 301), leaf(random(157))];
      const arriving = random(3, 333, 157);
      backward(ops.linear(x, w, b), arriving);
      expect(apart(b.grad as Tensor, ops.sum(arriving, [0, 1]))).toBeLessThan(3e-6);
      expect([x.grad, w.grad]).toEqual([null, null]);
      const second = (product: (x: Tensor, w: Tensor) => Tensor) => {
        const [input, weights] = [leaf(noGrad(() => ops.clone(x))), leaf(noGrad(() => ops.clone(w)))];
        const y = product(input, weights);
        const [first] = grad([ops.sum(ops.mul(y, y))], [input], { createGraph: true });
        return grad([ops.sum(ops.mul(first as Tensor, first as Tensor))], [weights])[0] as Tensor;
      };
      const theirs = second((input, weights) => ops.matmul(input, ops.transpose(weights, 0, 1)));
      // A product of three matrices: sums of some hundred products in another order, one after the other.
      expect(apart(second(ops.linear), theirs)).toBeLessThan(1e-5);
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

/** QuickGELU and a product, as libtorch's own operators make them. */
const plain = (x: Tensor, w: Tensor, b: Tensor) => ops.linear(ops.mul(x, ops.sigmoid(ops.mul(x, 1.702))), w, b);

interface Case {
  x: Tensor;
  w: Tensor;
  b: Tensor;
}

/** As many elements in `many` that every thread has some pieces of them, and the last piece is short. */
const SHAPES = [
  ['few numbers', 2, 3, 5, 4],
  ['a small product of many numbers', 5, 333, 101, 7],
  ['many pictures', 17, 50, 256, 512],
  ['one picture', 1, 197, 3072, 768],
] as const;

describe('QuickGELU and the product after it', () => {
  function made(pictures: number, tokens: number, width: number, out: number): Case {
    return { x: random(pictures, tokens, width), w: random(out, width), b: random(out) };
  }
  const leaves = ({ x, w, b }: Case) =>
    [x, w, b].map((value) => leaf(noGrad(() => ops.clone(value)))) as [Tensor, Tensor, Tensor];

  /** Two units in the last place of a gate (its exponential is one polynomial or another), and what products make of them. */
  const ROUNDING = 1e-6;

  it.each(SHAPES)('and all gradients are those of the plain operators: %s', (_, ...shape) => {
    manualSeed(7);
    scope(() => {
      const values = made(...shape);
      const [ours, theirs] = [leaves(values), leaves(values)];
      const [y, expected] = [ops.quickGeluLinear(...ours), plain(...theirs)];
      expect(apart(y, expected)).toBeLessThan(ROUNDING);
      const arriving = random(...y.shape);
      backward(y, arriving);
      backward(expected, arriving);
      for (const [i, value] of ours.entries())
        expect(apart(value.grad as Tensor, theirs[i]?.grad as Tensor), `gradient ${i}`).toBeLessThan(ROUNDING);
    });
  });

  it('have the value and the slope of x sigmoid(1.702 x) wherever x lies, to rounding', () => {
    const count = 2 ** 15 + 37; // the last piece is short, and no multiple of a vector
    const xs = Float32Array.from({ length: count }, (_, i) => (i - count / 2) * (240 / count));
    const found = scope(() => {
      const x = leaf(tensor(xs, [1, count, 1]));
      const y = ops.quickGeluLinear(x, tensor([1], [1, 1]), tensor([0], [1]));
      backward(y, ops.ones(y.shape));
      return { values: toArray(y), slopes: toArray(x.grad as Tensor) };
    });
    for (const [i, x] of xs.entries()) {
      const gate = 1 / (1 + Math.exp(-1.702 * x));
      const [value, slope] = [x * gate, gate * (1 + 1.702 * x * (1 - gate))];
      // 1.702 x is rounded before it becomes an exponent; and below the smallest normal number nothing is exact.
      const tolerance = 2e-7 * (1 + Math.abs(x)) * Math.abs(value) + 1e-36;
      expect(Math.abs((found.values[i] as number) - value), `value at ${x}`).toBeLessThan(tolerance);
      expect(Math.abs((found.slopes[i] as number) - slope), `slope at ${x}`).toBeLessThan(1e-6);
    }
  });

  it('keep what is infinite, and what is no number', () => {
    scope(() => {
      const x = ops.zeros([1, 2 ** 15, 1]);
      noGrad(() => ops.copy_(ops.slice(x, 1, 0, 3), tensor([Number.POSITIVE_INFINITY, Number.NaN, 88], [1, 3, 1])));
      const y = toArray(ops.quickGeluLinear(x, tensor([1], [1, 1]), tensor([0], [1])));
      expect(y.slice(0, 4)).toEqual([Number.POSITIVE_INFINITY, Number.NaN, 88, 0]);
    });
  });

  it.each([
    ['the input alone', [true, false, false]],
    ['the weights alone', [false, true, true]],
  ])('gives what learns its gradient: %s', (_, learns) => {
    manualSeed(7);
    scope(() => {
      const values = made(17, 50, 256, 512);
      const [ours, theirs] = [leaves(values), leaves(values)];
      for (const side of [ours, theirs]) {
        for (const [i, value] of side.entries()) value.requiresGrad = learns[i] as boolean;
      }
      const arriving = random(17, 50, 512);
      backward(ops.quickGeluLinear(...ours), arriving);
      backward(plain(...theirs), arriving);
      for (const [i, value] of ours.entries()) {
        expect(value.grad === null).toBe(!learns[i]);
        if (value.grad) expect(apart(value.grad, theirs[i]?.grad as Tensor)).toBeLessThan(ROUNDING);
      }
    });
  });

  it('are differentiated twice', () => {
    manualSeed(8);
    scope(() => {
      const values = made(4, 101, 96, 12);
      const second = (layer: (x: Tensor, w: Tensor, b: Tensor) => Tensor) => {
        const [x, w, b] = leaves(values);
        const firsts = grad([ops.sum(ops.mul(layer(x, w, b), layer(x, w, b)))], [x, w], { createGraph: true });
        const squares = firsts.map((first) => ops.sum(ops.mul(first as Tensor, first as Tensor)));
        return grad([ops.add(squares[0] as Tensor, squares[1] as Tensor)], [x, w]) as Tensor[];
      };
      const [ours, theirs] = [second(ops.quickGeluLinear), second(plain)];
      // Sums of a few hundred products in another order, in single precision.
      for (const [i, value] of ours.entries()) expect(apart(value, theirs[i] as Tensor)).toBeLessThan(1e-5);
    });
  });

  it('take other types, parts of tensors and autocast as before', () => {
    manualSeed(9);
    scope(() => {
      const { x, w, b } = made(17, 50, 256, 64);
      const half = [x, w, b].map((value) => ops.toDtype(value, 'bfloat16')) as [Tensor, Tensor, Tensor];
      expect(toArray(ops.quickGeluLinear(...half))).toEqual(toArray(plain(...half)));
      const part = ops.slice(x, 1, 3, 47);
      expect(apart(ops.quickGeluLinear(part, w, b), plain(part, w, b))).toBeLessThan(ROUNDING);
      autocast({ device: 'cpu', dtype: 'bfloat16' }, () => expect(ops.quickGeluLinear(x, w, b).dtype).toBe('bfloat16'));
    });
  });

  it('keep nothing but their input for backward', () => {
    scope(() => {
      const x = leaf(random(17, 50, 256));
      const [w, b] = [leaf(random(8, 256)), leaf(random(8))];
      const before = memoryInUse();
      const y = ops.quickGeluLinear(x, w, b);
      expect(memoryInUse() - before).toBeLessThan(0.1 * 4 * 17 * 50 * 256);
      y.dispose();
    });
  });

  it('say what does not fit', () => {
    scope(() => {
      expect(() => ops.quickGeluLinear(random(17, 50, 256), random(8, 255), random(8))).toThrow(/^quickGeluLinear: /);
    });
  });
});
