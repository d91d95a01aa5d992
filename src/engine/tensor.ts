import { native } from './native.js';
import type { Tensor, TensorOptions, TypedArray } from './types.js';

export function isTensor(value: unknown): value is Tensor {
  return native().isTensor(value);
}

/**
 * A tensor of this shape holding a copy of `values`. The dtype follows the array type (Float32Array: float32, BigInt64Array:
 * int64, ...; a plain array of numbers: float32) unless given.
 */
export function tensor(values: TypedArray | readonly number[], shape: readonly number[], options: TensorOptions = {}): Tensor {
  const array = ArrayBuffer.isView(values) ? values : Float32Array.from(values as readonly number[]);
  return native().fromTypedArray(array, shape, options.dtype, options.device);
}

/** The elements, at most 2^24, in row-major order as plain numbers (int64 beyond 2^53 loses precision). */
export function toArray(x: Tensor): number[] {
  return native().toNumbers(x);
}

/** The elements' bytes in row-major order: the tensor's own memory, or a copy, as for `data()`. */
export function bytesOf(x: Tensor): Uint8Array {
  const { buffer, byteOffset, byteLength } = x.data();
  return new Uint8Array(buffer, byteOffset, byteLength);
}
