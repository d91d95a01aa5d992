import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  type DType,
  isTensor,
  ops,
  type Tensor,
  type TypedArray,
  tensor,
  toArray,
  unsafeOperator,
} from '#uafer/engine/index.js';

const values = (x: Tensor) => [...x.data()].map(Number);

describe('data', () => {
  it('is the tensor itself: writing to it writes to the tensor, and it outlives the handle', () => {
    const x = ops.zeros([2, 3]);
    const view = x.data();
    view[4] = 7;
    expect(toArray(x)).toEqual([0, 0, 0, 0, 7, 0]);
    ops.add_(x, 1);
    expect([...view]).toEqual([1, 1, 1, 1, 8, 1]);
    x.dispose();
    expect([...view]).toEqual([1, 1, 1, 1, 8, 1]);
  });

  it('copies what is not contiguous', () => {
    const x = tensor([1, 2, 3, 4, 5, 6], [2, 3]);
    const transposed = ops.transpose(x, 0, 1);
    const copy = transposed.data();
    expect([...copy]).toEqual([1, 4, 2, 5, 3, 6]);
    copy[0] = 9;
    expect(toArray(x)).toEqual([1, 2, 3, 4, 5, 6]);
    expect(values(ops.expand(tensor([5], [1]), [4]))).toEqual([5, 5, 5, 5]);
  });

  it('begins where a contiguous view begins', () => {
    const x = tensor([1, 2, 3, 4, 5, 6], [3, 2]);
    const rows = ops.slice(x, 0, 1, 3);
    rows.data()[0] = 30;
    expect(toArray(x)).toEqual([1, 2, 30, 4, 5, 6]);
  });

  it.each<[DType, TypedArray]>([
    ['float32', Float32Array.of(1.5, -2)],
    ['float64', Float64Array.of(1e300, -2)],
    ['int64', BigInt64Array.of(2n ** 62n, -1n)],
    ['int32', Int32Array.of(2 ** 31 - 1, -1)],
    ['int16', Int16Array.of(-(2 ** 15), 7)],
    ['int8', Int8Array.of(-128, 127)],
    ['uint8', Uint8Array.of(0, 255)],
  ])('gives back the %s that it was given, in the same kind of array', (dtype, array) => {
    const x = tensor(array, [array.length]);
    expect(x.dtype).toBe(dtype);
    expect(x.data()).toEqual(array);
    expect(x.nbytes).toBe(array.byteLength);
  });

  it.each<[DType, number[]]>([
    ['float16', [0x3c00, 0xc000, 0x7bff]], // 1, -2, 65504
    ['bfloat16', [0x3f80, 0xc000, 0x477f]], // 1, -2, 65280
  ])('carries the bits of %s', (dtype, bits) => {
    const x = tensor(Uint16Array.from(bits), [3], { dtype });
    expect(x.dtype).toBe(dtype);
    expect([...x.data()]).toEqual(bits);
    expect(toArray(x)).toEqual([1, -2, dtype === 'float16' ? 65504 : 65280]);
  });

  it('holds booleans as 0 and 1', () => {
    const x = tensor(Uint8Array.of(0, 3, 1), [3], { dtype: 'bool' });
    expect([x.dtype, ...x.data()]).toEqual(['bool', 0, 1, 1]);
  });

  it('is empty for an empty tensor and has one element for a scalar', () => {
    expect(ops.zeros([0, 3]).data()).toEqual(new Float32Array(0));
    expect(tensor([], [0, 3]).shape).toEqual([0, 3]);
    const scalar = tensor([2.5], []);
    expect([scalar.shape, [...scalar.data()], scalar.item()]).toEqual([[], [2.5], 2.5]);
  });

  it('keeps its memory where it is: an operator that would move it fails', () => {
    const x = ops.zeros([4]);
    const view = x.data();
    const resize = unsafeOperator('aten::resize_');
    expect(() => resize(x, [1_000_000])).toThrow(/not resizable/);
    expect(view[3]).toBe(0);
  });
});

describe('tensor', () => {
  it('copies any numbers into any shape', () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 0, max: 4 }), { maxLength: 4 }),
        fc.infiniteStream(fc.float()),
        (shape, stream) => {
          const array = Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, () => stream.next().value as number);
          const x = tensor(array, shape);
          expect(x.shape).toEqual(shape);
          const before = array.slice();
          array.fill(42);
          expect(x.data()).toEqual(before);
        },
      ),
    );
  });

  it('reads part of a buffer, and a shared one', () => {
    const buffer = new SharedArrayBuffer(16);
    const whole = new Float32Array(buffer);
    whole.set([1, 2, 3, 4]);
    const x = tensor(whole.subarray(1, 3), [2]);
    whole.fill(0);
    expect(toArray(x)).toEqual([2, 3]);
  });

  it.each([
    ['a shape of another size', [1, 2, 3], [2, 2], /\[2, 2\] doesn't hold 3 values/],
    ['a shape whose product overflows', [], [2 ** 32, 2 ** 32], /doesn't hold 0 values/],
    ['a negative size', [1], [-1], /no negative number/],
    ['a broken size', [1], [1.5], /whole number/],
    ['a size that is not a number', [1], ['1'], /whole number, got a string/],
    ['a shape that is no array', [1], 1, /must be an array/],
  ])('refuses %s', (_, numbers, shape, message) => {
    expect(() => tensor(numbers, shape as number[])).toThrow(message);
  });

  it('refuses devices and types that are not there, by name', () => {
    expect(() => tensor([1], [1], { device: 'cuda' })).toThrow(/tensor: .*cuda/i);
    expect(() => tensor([1], [1], { device: 'gpu' })).toThrow(/gpu/);
    expect(() => ops.zeros([1], { device: 'cuda:0' })).toThrow(/cuda/i);
    expect(() => tensor([1], [1], { dtype: 'float' as DType })).toThrow(/'float' is no dtype/);
    expect(() => tensor(new Uint16Array(1), [1])).toThrow(/no dtype corresponds/);
    expect(() => tensor(new Uint16Array(1), [1], { dtype: 'float32' })).toThrow(/float16 or bfloat16 only/);
  });
});

describe('type promotion', () => {
  const int = tensor(BigInt64Array.of(3n), [1]);
  const float = tensor([3], [1]);
  const double = tensor(Float64Array.of(3), [1]);
  const half = ops.toDtype(float, 'float16');

  it.each<[string, () => Tensor, DType, number]>([
    ['int64 + whole number', () => ops.add(int, 2), 'int64', 5],
    ['int64 + broken number', () => ops.add(int, 0.5), 'float32', 3.5],
    ['int64 / whole number', () => ops.div(int, 2), 'float32', 1.5],
    ['float16 + number', () => ops.add(half, 0.5), 'float16', 3.5],
    ['number - float32', () => ops.sub(10, float), 'float32', 7],
    ['float32 + float64 tensor', () => ops.add(float, double), 'float64', 6],
    ['float64 * number', () => ops.mul(double, 1 / 3), 'float64', 1],
    ['float16 + float32 scalar tensor', () => ops.add(half, tensor([1], [])), 'float16', 4],
  ])('%s is as in PyTorch', (_, make, dtype, value) => {
    const result = make();
    expect([result.dtype, toArray(result)]).toEqual([dtype, [value]]);
  });

  it('keeps whole numbers beyond 2^53 exact as bigints', () => {
    const max = unsafeOperator<Tensor>('aten::add.Scalar')(int, 2n ** 60n);
    expect(max.data()).toEqual(BigInt64Array.of(2n ** 60n + 3n));
  });
});

describe('a handle', () => {
  it('is freed by Symbol.dispose and can be disposed twice', () => {
    const x = ops.zeros([1]);
    expect(Symbol.dispose in x).toBe(true);
    {
      using alias = x;
      expect(alias.disposed).toBe(false);
    }
    expect(x.disposed).toBe(true);
    x.dispose();
    expect(isTensor(x)).toBe(true);
  });

  it('says that it was disposed, whatever is asked of it', () => {
    const x = ops.zeros([1]);
    x.dispose();
    for (const use of [() => x.shape, () => x.item(), () => x.data(), () => x.grad, () => toArray(x), () => ops.relu(x)]) {
      expect(use).toThrow(
        expect.objectContaining({
          code: 'OPERATOR',
          message: expect.stringContaining('disposed'),
        }),
      );
    }
    expect(() => ops.cat([ops.zeros([1]), x])).toThrow(/'tensors' takes an array of tensors, got a disposed tensor/);
  });

  it('frees only itself: views and other handles live on', () => {
    const x = tensor([1, 2], [2]);
    const view = ops.reshape(x, [2, 1]);
    x.dispose();
    expect(toArray(view)).toEqual([1, 2]);
  });

  it('is not made by its constructor, nor by anything that has its prototype', () => {
    const x = ops.zeros([1]);
    const Class = x.constructor as new () => Tensor;
    expect(() => new Class()).toThrow(/not by `new`/);
    const fake = Object.create(Object.getPrototypeOf(x)) as Tensor;
    expect(() => ops.relu(fake)).toThrow(expect.objectContaining({ code: 'OPERATOR' }));
    expect(() => fake.shape).toThrow();
  });
});

describe('operator', () => {
  it('names an unknown operator or overload', () => {
    expect(() => unsafeOperator('aten::no_such_thing')()).toThrow(/aten::no_such_thing/);
    expect(() => unsafeOperator('aten::add.Nothing')()).toThrow(/aten::add.Nothing/);
  });

  it('names schema, argument and what it was given', () => {
    const x = ops.zeros([2, 3]);
    expect(() => ops.matmul(x, x)).toThrow(
      /aten::matmul\(.*self: float32\[2, 3\].*other: float32\[2, 3\].*cannot be multiplied/s,
    );
    expect(() => unsafeOperator('aten::relu')('x')).toThrow(/aten::relu\(.*'self' takes Tensor, got a string/);
    expect(() => unsafeOperator('aten::relu')(x, x)).toThrow(/takes 1 arguments, got 2/);
    expect(() => ops.reshape(x, [2.5])).toThrow(/'shape' takes a whole number/);
  });
});
