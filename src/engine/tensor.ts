import { native } from './native.js';

export type DType = 'float32' | 'float64' | 'float16' | 'bfloat16' | 'int64' | 'int32' | 'int16' | 'int8' | 'uint8' | 'bool';

export type TypedArray =
  | Float32Array
  | Float64Array
  | BigInt64Array
  | Int32Array
  | Int16Array
  | Int8Array
  | Uint8Array
  | Uint16Array;

/**
 * A handle on one libtorch tensor. The memory is libtorch's: it goes when the last handle on it is disposed, or collected once
 * the event loop turns.
 * Using a disposed handle throws an `OPERATOR` error.
 */
export interface Tensor extends Disposable {
  readonly shape: readonly number[];
  readonly dtype: DType;
  /** `cpu`, `cuda:0`, `mps:0`. */
  readonly device: string;
  readonly nbytes: number;
  readonly disposed: boolean;
  readonly isLeaf: boolean;
  requiresGrad: boolean;
  /** The accumulated gradient as a new handle, or null. */
  grad: Tensor | null;
  /**
   * The elements as a typed array over the tensor's own memory: no copy for a contiguous CPU tensor (writing to it writes to
   * the tensor, which keeps its size from then on); otherwise a contiguous CPU copy. float16 and bfloat16 come as their raw bits
   * (Uint16Array).
   */
  data(): TypedArray;
  /** The only element, as a number. */
  item(): number;
  /** Frees the memory now, unless another handle or autograd still needs it. Safe to call twice. */
  dispose(): void;
}

export interface TensorOptions {
  dtype?: DType;
  device?: string;
}

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
