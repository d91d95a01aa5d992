/** Operators that the project does not call itself, by values worked out by hand. */
import { describe, expect, it } from 'vitest';
import { manualSeed, ops, scope, type Tensor, tensor, toArray } from '#uafer/engine/index.js';

const values = (compute: () => Tensor): number[] => scope(() => toArray(compute()));
const row = (...numbers: number[]) => tensor(numbers, [numbers.length]);
const flags = (compute: () => Tensor): boolean[] => values(compute).map(Boolean);

describe('element by element', () => {
  it('sqrt, gelu, lerp', () => {
    expect(values(() => ops.sqrt(row(4, 2.25)))).toEqual([2, 1.5]);
    // x times the normal distribution's share below x.
    expect(values(() => ops.gelu(row(0, 1)))).toEqual([0, expect.closeTo(0.8413447, 6)]);
    expect(values(() => ops.lerp(row(0, 10), row(4, 20), 0.25))).toEqual([1, 12.5]);
  });

  it('comparisons and logic', () => {
    const [a, b] = [row(1, 2, 3), row(2, 2, 2)];
    expect(flags(() => ops.ne(a, b))).toEqual([true, false, true]);
    expect(flags(() => ops.gt(a, b))).toEqual([false, false, true]);
    expect(flags(() => ops.ge(a, b))).toEqual([false, true, true]);
    expect(flags(() => ops.lt(a, 2))).toEqual([true, false, false]);
    expect(flags(() => ops.le(a, 2))).toEqual([true, true, false]);
    expect(flags(() => ops.logicalNot(ops.gt(a, b)))).toEqual([true, true, false]);
    expect(flags(() => ops.logicalAnd(ops.ge(a, b), ops.le(a, b)))).toEqual([false, true, false]);
    expect(flags(() => ops.isfinite(row(1, Number.NaN, Number.POSITIVE_INFINITY)))).toEqual([true, false, false]);
  });

  it('maximum and minimum', () => {
    expect(values(() => ops.maximum(row(1, 5), row(3, 2)))).toEqual([3, 5]);
    expect(values(() => ops.minimum(row(1, 5), row(3, 2)))).toEqual([1, 2]);
  });
});

describe('over dimensions', () => {
  it('variance, with and without correction', () => {
    expect(values(() => ops.variance(tensor([1, 3, 2, 6], [2, 2]), 1))).toEqual([2, 8]);
    expect(values(() => ops.variance(tensor([1, 3, 2, 6], [2, 2]), 1, 0))).toEqual([1, 4]);
  });

  it('cumsum', () => {
    expect(values(() => ops.cumsum(row(1, 2, 4), 0))).toEqual([1, 3, 7]);
  });

  it('the norm of each of several tensors', () => {
    expect(scope(() => ops.foreachNorm([row(3, 4), row(1, 2, 2)]).map((norm) => norm.item()))).toEqual([5, 3]);
  });
});

describe('a fused step of AdamW', () => {
  /** The first step from zero averages: the bias-corrected mean is the gradient, so each element moves by lr towards its sign. */
  const options = { lr: 0.5, beta1: 0.9, beta2: 0.99, weightDecay: 0, eps: 0 };
  const zeros = () => ops.zeros([2, 3]);
  const step = (gradient: Tensor, parameter = zeros(), average = zeros(), square = zeros()) => {
    ops.fusedAdamw_([parameter], [gradient], [average], [square], [ops.ones([])], options);
    return { parameter: toArray(parameter), average: toArray(average), square: toArray(square) };
  };
  const inRows = tensor([1, -2, 3, -4, 5, -6], [2, 3]);
  const inColumns = ops.transpose(tensor([1, -4, -2, 5, 3, -6], [3, 2]), 0, 1);

  it('moves each element against its gradient, and gives the same for one that lies in columns, is expanded or a part', () => {
    const { parameter, average, square } = step(inRows);
    // In single precision: within a few of its 2^-24 of values up to 0.6.
    [-0.5, 0.5, -0.5, 0.5, -0.5, 0.5].forEach((expected, i) => {
      expect(parameter[i]).toBeCloseTo(expected, 6);
    });
    expect(toArray(inColumns)).toEqual(toArray(inRows));
    expect(step(inColumns)).toEqual({ parameter, average, square });
    const part = ops.slice(tensor([9, 1, -2, 3, 9, 9, -4, 5, -6, 9], [2, 5]), 1, 1, 4);
    expect(step(part)).toEqual({ parameter, average, square });
    expect(step(ops.expand(tensor([1, -2, 3], [3]), [2, 3]))).toEqual(step(tensor([1, -2, 3, 1, -2, 3], [2, 3])));
    expect(step(ops.expand(tensor([-4], [1]), [2, 3])).parameter).toEqual(step(ops.full([2, 3], -4)).parameter);
  });

  const columns = () => ops.transpose(ops.zeros([3, 2]), 0, 1);

  it('takes parameters that lie in columns as they are', () => {
    const made = step(inRows, columns(), columns(), columns());
    expect(made).toEqual(step(inRows));
    expect(step(inColumns, columns(), columns(), columns())).toEqual(made);
  });

  it('refuses parameters with gaps or overlaps, and averages that lie otherwise, and leaves all as they were', () => {
    for (const [said, lists] of [
      [
        'parameters[0] of shape [2,3] has the strides [4,1], with gaps or overlaps',
        [ops.slice(ops.zeros([2, 4]), 1, 0, 3), zeros(), zeros()],
      ],
      [
        'parameters[0] of shape [2,3] has the strides [0,1], with gaps or overlaps',
        [ops.expand(ops.zeros([3]), [2, 3]), zeros(), zeros()],
      ],
      ['parameters[0] has the strides [3,1], but expAvgs[0] [1,2]', [zeros(), columns(), zeros()]],
      ['parameters[0] has the strides [3,1], but expAvgSqs[0] [1,2]', [zeros(), zeros(), columns()]],
    ] as const) {
      const message = `_fused_adamw_: ${said}.`;
      expect(() => step(inRows, ...lists)).toThrow(expect.objectContaining({ code: 'OPERATOR', message }));
      for (const list of lists) expect(toArray(list)).toEqual([0, 0, 0, 0, 0, 0]);
    }
  });

  it('refuses what libtorch would read as something else', () => {
    expect(() => step(ops.zeros([2, 3], { dtype: 'float64' }))).toThrow(
      'parameters[0] is float32[2,3] on cpu, but gradients[0] is float64[2,3] on cpu',
    );
    expect(() => ops.fusedAdamw_([zeros()], [zeros()], [zeros()], [zeros()], [ops.ones([1])], options)).toThrow(
      'steps[0] is float32[1], expected a float32 scalar',
    );
    expect(() => ops.fusedAdamw_([zeros()], [zeros()], [zeros(), zeros()], [zeros()], [ops.ones([])], options)).toThrow(
      'expAvgs holds 2 tensors, parameters 1',
    );
  });
});

describe('shapes', () => {
  it('strides', () => {
    const x = ops.zeros([2, 3, 4]);
    expect(x.strides).toEqual([12, 4, 1]);
    expect(ops.permute(x, [2, 0, 1]).strides).toEqual([1, 12, 4]);
    expect(ops.expand(ops.zeros([1, 3]), [2, 3]).strides).toEqual([0, 1]);
    expect(ops.zeros([]).strides).toEqual([]);
  });

  it('permute, flip, indexSelect', () => {
    const x = tensor([1, 2, 3, 4, 5, 6], [2, 3]);
    expect(values(() => ops.contiguous(ops.permute(x, [1, 0])))).toEqual([1, 4, 2, 5, 3, 6]);
    expect(values(() => ops.flip(x, [1]))).toEqual([3, 2, 1, 6, 5, 4]);
    expect(values(() => ops.indexSelect(x, 1, tensor(BigInt64Array.of(2n, 0n), [2])))).toEqual([3, 1, 6, 4]);
  });
});

describe('sampling of pictures', () => {
  it('a grid that mirrors', () => {
    const picture = tensor([1, 2, 3, 4], [1, 1, 2, 2]);
    const mirror = tensor([-1, 0, 0, 0, 1, 0], [1, 2, 3]);
    expect(values(() => ops.gridSample(picture, ops.affineGrid(mirror, [1, 1, 2, 2])))).toEqual([2, 1, 4, 3]);
  });
});

describe('new tensors', () => {
  it('onesLike, zero_', () => {
    expect(values(() => ops.onesLike(row(7, 8)))).toEqual([1, 1]);
    const x = row(7, 8);
    ops.zero_(x);
    expect(toArray(x)).toEqual([0, 0]);
  });

  it('randperm and multinomial draw what they should, the same from the same seed', () => {
    manualSeed(3);
    const order = values(() => ops.randperm(6));
    expect(order.toSorted()).toEqual([0, 1, 2, 3, 4, 5]);
    const drawn = values(() => ops.multinomial(row(0, 1, 3), 200, true));
    expect(new Set(drawn)).toEqual(new Set([1, 2]));
    expect(drawn.filter((i) => i === 2).length).toBeGreaterThan(drawn.length / 2);
    manualSeed(3);
    expect(values(() => ops.randperm(6))).toEqual(order);
  });
});
