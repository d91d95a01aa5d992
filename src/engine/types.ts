/** What the engine's values are, on both sides of the addon's boundary. */

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
  /** Elements of the memory from one place to the next along each dimension; throws `OPERATOR` for a sparse tensor. */
  readonly strides: readonly number[];
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
