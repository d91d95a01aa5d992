/**
 * libtorch's operators, as far as the project uses them, under libtorch's names (camelCased at underscores). A trailing
 * underscore means in place. Numbers stand for scalars wherever a tensor is expected, with libtorch's type promotion.
 */
import { UaferError } from '../errors.js';
import { native, type Value } from './native.js';
import { operator } from './operator.js';
import { scope } from './scope.js';
import { isDense, liesAlike } from './strides.js';
import type { DType, Tensor, TensorOptions } from './types.js';

export type Operand = Tensor | number;
type Shape = readonly number[];

type Unary = (x: Tensor) => Tensor;
type Binary = (a: Operand, b: Operand) => Tensor;
const unary = (name: string): Unary => operator<Tensor>(name);
const binary = (name: string): Binary => operator<Tensor>(name);

// Element by element
export const abs = unary('aten::abs');
export const exp = unary('aten::exp');
export const log = unary('aten::log');
export const sqrt = unary('aten::sqrt');
export const neg = unary('aten::neg');
export const tanh = unary('aten::tanh');
export const sigmoid = unary('aten::sigmoid');
export const relu = unary('aten::relu');
/** min(max(x, 0), 6). */
export const relu6 = unary('aten::relu6');
export const gelu = unary('aten::gelu');
export const digamma = unary('aten::digamma');
export const lgamma = unary('aten::lgamma');
export const logicalNot = unary('aten::logical_not');
export const isfinite = unary('aten::isfinite');
/** log(1 + exp(x)). */
export const softplus: Unary = unary('aten::softplus');
export const sub = binary('aten::sub.Tensor');
export const mul = binary('aten::mul.Tensor');
export const div = binary('aten::div.Tensor');
export const pow = binary('aten::pow.Tensor_Tensor');
export const maximum = binary('aten::maximum');
export const minimum = binary('aten::minimum');
export const eq = binary('aten::eq.Tensor');
export const ne = binary('aten::ne.Tensor');
export const gt = binary('aten::gt.Tensor');
export const ge = binary('aten::ge.Tensor');
export const lt = binary('aten::lt.Tensor');
export const le = binary('aten::le.Tensor');
export const logicalAnd = binary('aten::logical_and');
const rightShiftOp = operator<Tensor>('aten::bitwise_right_shift.Tensor_Scalar');
/** Of whole numbers, with their sign: x / 2^bits, rounded down. */
export const bitwiseRightShift = (x: Tensor, bits: number): Tensor => rightShiftOp(x, bits);
const addOp = operator<Tensor>('aten::add.Tensor');
/** a + alpha b. */
export const add = (a: Operand, b: Operand, alpha?: number): Tensor => addOp(a, b, alpha);
const clampOp = operator<Tensor>('aten::clamp');
export const clamp = (x: Tensor, min: number | null, max: number | null): Tensor => clampOp(x, min, max);
const whereOp = operator<Tensor>('aten::where.self');
export const where = (condition: Tensor, a: Operand, b: Operand): Tensor => whereOp(condition, a, b);
const lerpOp = operator<Tensor>('aten::lerp.Scalar');
/** a + weight (b - a). */
export const lerp = (a: Tensor, b: Tensor, weight: number): Tensor => lerpOp(a, b, weight);

// Over dimensions
const reduction = (plain: string, dimensional: string) => {
  const whole = operator<Tensor>(plain);
  const along = operator<Tensor>(dimensional);
  return (x: Tensor, dim?: number | Shape, keepdim = false): Tensor =>
    dim === undefined ? whole(x) : along(x, typeof dim === 'number' ? [dim] : dim, keepdim);
};
export const sum = reduction('aten::sum', 'aten::sum.dim_IntList');
export const mean = reduction('aten::mean', 'aten::mean.dim');
const amaxOp = operator<Tensor>('aten::amax');
export const amax = (x: Tensor, dim: number | Shape, keepdim = false): Tensor =>
  amaxOp(x, typeof dim === 'number' ? [dim] : dim, keepdim);
const varOp = operator<Tensor>('aten::var.correction');
/** Variance over `dim`; `correction` 1 divides by n - 1. */
export const variance = (x: Tensor, dim: number | Shape, correction = 1, keepdim = false): Tensor =>
  varOp(x, typeof dim === 'number' ? [dim] : dim, correction, keepdim);
const maxDimOp = operator<readonly Tensor[]>('aten::max.dim');
/** Largest value and its index along `dim`. */
export const maxDim = (x: Tensor, dim: number, keepdim = false): { values: Tensor; indices: Tensor } => {
  const [values, indices] = maxDimOp(x, dim, keepdim) as [Tensor, Tensor];
  return { values, indices };
};
const argmaxOp = operator<Tensor>('aten::argmax');
export const argmax = (x: Tensor, dim?: number, keepdim = false): Tensor => argmaxOp(x, dim ?? null, keepdim);
const topkOp = operator<readonly Tensor[]>('aten::topk');
export const topk = (x: Tensor, k: number, dim = -1): { values: Tensor; indices: Tensor } => {
  const [values, indices] = topkOp(x, k, dim, true, true) as [Tensor, Tensor];
  return { values, indices };
};
const cumsumOp = operator<Tensor>('aten::cumsum');
export const cumsum = (x: Tensor, dim: number): Tensor => cumsumOp(x, dim);
const softmaxOp = operator<Tensor>('aten::softmax.int');
export const softmax = (x: Tensor, dim: number): Tensor => softmaxOp(x, dim);
const logSoftmaxOp = operator<Tensor>('aten::log_softmax.int');
export const logSoftmax = (x: Tensor, dim: number): Tensor => logSoftmaxOp(x, dim);
const vectorNormOp = operator<Tensor>('aten::linalg_vector_norm');
/** Euclidean norm over `dim` (over everything when null). */
export const vectorNorm = (x: Tensor, dim: number | null = null, keepdim = false): Tensor =>
  vectorNormOp(x, 2, dim === null ? null : [dim], keepdim);

// Shapes
const reshapeOp = operator<Tensor>('aten::reshape');
export const reshape = (x: Tensor, shape: Shape): Tensor => reshapeOp(x, shape);
const permuteOp = operator<Tensor>('aten::permute');
export const permute = (x: Tensor, dims: Shape): Tensor => permuteOp(x, dims);
const transposeOp = operator<Tensor>('aten::transpose.int');
export const transpose = (x: Tensor, a: number, b: number): Tensor => transposeOp(x, a, b);
const expandOp = operator<Tensor>('aten::expand');
export const expand = (x: Tensor, shape: Shape): Tensor => expandOp(x, shape);
const unsqueezeOp = operator<Tensor>('aten::unsqueeze');
export const unsqueeze = (x: Tensor, dim: number): Tensor => unsqueezeOp(x, dim);
const squeezeOp = operator<Tensor>('aten::squeeze.dim');
export const squeeze = (x: Tensor, dim: number): Tensor => squeezeOp(x, dim);
const selectOp = operator<Tensor>('aten::select.int');
/** x[..., index, ...] along `dim`. */
export const select = (x: Tensor, dim: number, index: number): Tensor => selectOp(x, dim, index);
const sliceOp = operator<Tensor>('aten::slice.Tensor');
/** x[..., start:end:step, ...] along `dim`. */
export const slice = (x: Tensor, dim: number, start: number | null, end: number | null, step = 1): Tensor =>
  sliceOp(x, dim, start, end, step);
const splitOp = operator<readonly Tensor[]>('aten::split.Tensor');
export const split = (x: Tensor, size: number, dim = 0): Tensor[] => [...splitOp(x, size, dim)];
const catOp = operator<Tensor>('aten::cat');
export const cat = (tensors: readonly Tensor[], dim = 0): Tensor => catOp(tensors, dim);
const stackOp = operator<Tensor>('aten::stack');
export const stack = (tensors: readonly Tensor[], dim = 0): Tensor => stackOp(tensors, dim);
const indexSelectOp = operator<Tensor>('aten::index_select');
export const indexSelect = (x: Tensor, dim: number, index: Tensor): Tensor => indexSelectOp(x, dim, index);
const gatherOp = operator<Tensor>('aten::gather');
export const gather = (x: Tensor, dim: number, index: Tensor): Tensor => gatherOp(x, dim, index);
const flipOp = operator<Tensor>('aten::flip');
export const flip = (x: Tensor, dims: Shape): Tensor => flipOp(x, dims);
const asStridedOp = operator<Tensor>('aten::as_strided');
/** A view of this shape with these strides (in elements) from the first element. */
export const asStrided = (x: Tensor, shape: Shape, strides: Shape): Tensor => asStridedOp(x, shape, strides);
const contiguousOp = operator<Tensor>('aten::contiguous');
export const contiguous = (x: Tensor, memoryFormat?: 'contiguous' | 'channels_last'): Tensor => contiguousOp(x, memoryFormat);

// Products and layers
export const matmul: (a: Tensor, b: Tensor) => Tensor = operator<Tensor>('aten::matmul');
/**
 * x W^T + b. Large products of tokens (B, L, W) in fp32 are oneDNN's where libtorch's own are slow: on processors with AVX-512 that aren't
 * Intel's (`native/layers.cpp`).
 */
export const linear = (x: Tensor, weight: Tensor, bias: Tensor | null = null): Tensor => native().linear(x, weight, bias);
/**
 * QuickGELU, x sigmoid(1.702 x), the approximation of GELU that OpenAI trained CLIP with, and a product: QuickGELU(x) W^T + b. Of what it
 * makes autograd keeps nothing but x, where x is in single precision on a CPU (`native/layers.cpp`).
 */
export const quickGeluLinear = (x: Tensor, weight: Tensor, bias: Tensor): Tensor => native().quickGeluLinear(x, weight, bias);
const layerNormOp = operator<Tensor>('aten::layer_norm');
/** Normalises over the last dimension. */
export const layerNorm = (x: Tensor, weight: Tensor, bias: Tensor, eps = 1e-5): Tensor =>
  layerNormOp(x, [weight.shape[0] as number], weight, bias, eps);
const conv2dOp = operator<Tensor>('aten::conv2d');
/** With as many `groups` as channels, each has a kernel of its own. */
export const conv2d = (x: Tensor, weight: Tensor, bias: Tensor | null, stride: number, padding = 0, groups = 1): Tensor =>
  conv2dOp(x, weight, bias, [stride, stride], [padding, padding], [1, 1], groups);
const padOp = operator<Tensor>('aten::constant_pad_nd');
/** Zeros before and after the last dimension, then the last but one, and so on: [left, right, top, bottom] of pictures. */
export const zeroPad = (x: Tensor, sides: Shape): Tensor => padOp(x, sides, 0);
const batchNormOp = operator<Tensor>('aten::batch_norm');
/** In training the running statistics are updated in place and the batch's own are used. */
export const batchNorm = (
  x: Tensor,
  weight: Tensor,
  bias: Tensor,
  runningMean: Tensor,
  runningVar: Tensor,
  options: { training: boolean; momentum?: number; eps?: number },
): Tensor =>
  batchNormOp(x, weight, bias, runningMean, runningVar, options.training, options.momentum ?? 0.1, options.eps ?? 1e-5, true);
const embeddingOp = operator<Tensor>('aten::embedding');
/** Rows of `weight` (V, W) at `ids` (int64, any shape). */
export const embedding = (weight: Tensor, ids: Tensor): Tensor => embeddingOp(weight, ids);
const attentionOp = operator<Tensor>('aten::scaled_dot_product_attention');
/** softmax(q k^T / sqrt(d)) v over (B, heads, L, d). */
export const scaledDotProductAttention = (q: Tensor, k: Tensor, v: Tensor, options: { causal?: boolean } = {}): Tensor =>
  attentionOp(q, k, v, null, 0, options.causal ?? false);
const dropoutOp = operator<Tensor>('aten::dropout');
export const dropout = (x: Tensor, p: number, training: boolean): Tensor => dropoutOp(x, p, training);
const gridSamplerOp = operator<Tensor>('aten::grid_sampler');
/** Bilinear samples of x (B, C, H, W) at `grid` (B, H', W', 2) in [-1, 1]; outside is zero, or the border's value. */
export const gridSample = (x: Tensor, grid: Tensor, options: { border?: boolean } = {}): Tensor =>
  gridSamplerOp(x, grid, 0, options.border ? 1 : 0, false);
const affineGridOp = operator<Tensor>('aten::affine_grid_generator');
export const affineGrid = (theta: Tensor, size: Shape): Tensor => affineGridOp(theta, size, false);

// New tensors
const filled = (name: string) => {
  const op = operator<Tensor>(name);
  return (shape: Shape, options: TensorOptions = {}): Tensor =>
    op(shape, options.dtype ?? 'float32', undefined, options.device);
};
export const zeros = filled('aten::zeros');
export const ones = filled('aten::ones');
export const empty = filled('aten::empty.memory_format');
export const rand = filled('aten::rand');
export const randn = filled('aten::randn');
const fullOp = operator<Tensor>('aten::full');
export const full = (shape: Shape, value: number, options: TensorOptions = {}): Tensor =>
  fullOp(shape, value, options.dtype ?? 'float32', undefined, options.device);
const randintOp = operator<Tensor>('aten::randint.low');
/** Whole numbers in [low, high), int64. */
export const randint = (low: number, high: number, shape: Shape): Tensor => randintOp(low, high, shape);
const randpermOp = operator<Tensor>('aten::randperm');
export const randperm = (n: number): Tensor => randpermOp(n);
const multinomialOp = operator<Tensor>('aten::multinomial');
export const multinomial = (weights: Tensor, count: number, replacement: boolean): Tensor =>
  multinomialOp(weights, count, replacement);
const arangeOp = operator<Tensor>('aten::arange.start');
export const arange = (start: number, end: number, options: TensorOptions = {}): Tensor =>
  arangeOp(start, end, options.dtype ?? 'int64', undefined, options.device);
const zerosLikeOp = operator<Tensor>('aten::zeros_like');
export const zerosLike = (x: Tensor): Tensor => zerosLikeOp(x);
const onesLikeOp = operator<Tensor>('aten::ones_like');
export const onesLike = (x: Tensor): Tensor => onesLikeOp(x);
const oneHotOp = operator<Tensor>('aten::one_hot');
/** (B) int64 labels to (B, classes) int64. */
export const oneHot = (labels: Tensor, classes: number): Tensor => oneHotOp(labels, classes);

// Copies and conversions
export const detach = unary('aten::detach');
const cloneOp = operator<Tensor>('aten::clone');
export const clone = (x: Tensor): Tensor => cloneOp(x);
const toDtypeOp = operator<Tensor>('aten::to.dtype');
export const toDtype = (x: Tensor, dtype: DType): Tensor => toDtypeOp(x, dtype);
const toDeviceOp = operator<Tensor>('aten::to.dtype_layout');
export const toDevice = (x: Tensor, device: string): Tensor => toDeviceOp(x, undefined, undefined, device);

// In place (inside `noGrad` for parameters)
const copyOp = operator<Tensor>('aten::copy_');
export const copy_ = (target: Tensor, source: Tensor): void => copyOp(target, source).dispose();
const zeroOp = operator<Tensor>('aten::zero_');
export const zero_ = (x: Tensor): void => zeroOp(x).dispose();
const mulInPlaceOp = operator<Tensor>('aten::mul_.Tensor');
export const mul_ = (x: Tensor, factor: Operand): void => mulInPlaceOp(x, factor).dispose();
const addInPlaceOp = operator<Tensor>('aten::add_.Tensor');
export const add_ = (x: Tensor, other: Operand, alpha?: number): void => addInPlaceOp(x, other, alpha).dispose();
const foreachLerpOp = operator('aten::_foreach_lerp_.Scalar');
/** x += weight (y - x) for each pair. */
export const foreachLerp_ = (xs: readonly Tensor[], ys: readonly Tensor[], weight: number): void =>
  void foreachLerpOp(xs, ys, weight);
const foreachNormOp = operator<readonly Tensor[]>('aten::_foreach_norm.Scalar');
/** The Euclidean norm of each. */
export const foreachNorm = (xs: readonly Tensor[]): Tensor[] => [...foreachNormOp(xs, 2)];
const foreachMulOp = operator('aten::_foreach_mul_.Scalar');
export const foreachMul_ = (xs: readonly Tensor[], factor: number): void => void foreachMulOp(xs, factor);
const fusedAdamwOp = operator('aten::_fused_adamw_');

export interface AdamwStep {
  lr: number;
  beta1: number;
  beta2: number;
  weightDecay: number;
  eps: number;
}

/**
 * One AdamW step on lists of equal length; `steps` are float32 scalars, already counted up. libtorch's kernel goes over the memory of all
 * four as if they lay alike, and looks at nothing: a gradient that lies otherwise than its parameter (transposed, expanded) is copied
 * first. Throws `OPERATOR` where lists differ in length, where gradient or averages haven't shape, type and device of their parameter, where a
 * parameter's memory has gaps or holds an element twice, and where averages, which are written to, lie otherwise than it.
 */
export function fusedAdamw_(
  parameters: readonly Tensor[],
  gradients: readonly Tensor[],
  expAvgs: readonly Tensor[],
  expAvgSqs: readonly Tensor[],
  steps: readonly Tensor[],
  options: AdamwStep,
): void {
  const lists = { gradients, expAvgs, expAvgSqs };
  for (const [name, list] of Object.entries({ ...lists, steps })) requireLength(name, list, parameters.length);
  for (const [name, list] of Object.entries(lists)) requireLike(parameters, name, list);
  requireDense(parameters);
  for (const [name, list] of Object.entries({ expAvgs, expAvgSqs })) requireAlike(parameters, name, list);
  for (const [i, { shape, dtype }] of steps.entries()) {
    if (shape.length > 0 || dtype !== 'float32') throw wrong(`steps[${i}] is ${dtype}[${shape}], expected a float32 scalar`);
  }
  scope(() => {
    const lyingAlike = gradients.map((gradient, i) => copiedLike(parameters[i] as Tensor, gradient));
    const args: Value[] = [parameters, lyingAlike, expAvgs, expAvgSqs, [], steps];
    fusedAdamwOp(...args, options.lr, options.beta1, options.beta2, options.weightDecay, options.eps, false, false);
  });
}

/** The gradient, or a copy of it that lies in memory as its parameter does. */
function copiedLike(parameter: Tensor, gradient: Tensor): Tensor {
  if (liesAlike(parameter.shape, parameter.strides, gradient.strides)) return gradient;
  const copy = zerosLike(parameter); // keeps a dense tensor's strides
  copy_(copy, gradient);
  return copy;
}

function wrong(problem: string): UaferError {
  return new UaferError('OPERATOR', `_fused_adamw_: ${problem}.`);
}

function requireLength(name: string, list: readonly Tensor[], length: number): void {
  if (list.length !== length) throw wrong(`${name} holds ${list.length} tensors, parameters ${length}`);
}

function requireLike(parameters: readonly Tensor[], name: string, others: readonly Tensor[]): void {
  const describe = ({ dtype, shape, device }: Tensor) => `${dtype}[${shape}] on ${device}`;
  for (const [i, parameter] of parameters.entries()) {
    const [own, other] = [describe(parameter), describe(others[i] as Tensor)];
    if (own !== other) throw wrong(`parameters[${i}] is ${own}, but ${name}[${i}] is ${other}`);
  }
}

function requireDense(parameters: readonly Tensor[]): void {
  for (const [i, { shape, strides }] of parameters.entries()) {
    if (!isDense(shape, strides))
      throw wrong(`parameters[${i}] of shape [${shape}] has the strides [${strides}], with gaps or overlaps`);
  }
}

function requireAlike(parameters: readonly Tensor[], name: string, averages: readonly Tensor[]): void {
  for (const [i, { shape, strides }] of parameters.entries()) {
    const other = (averages[i] as Tensor).strides;
    if (!liesAlike(shape, strides, other))
      throw wrong(`parameters[${i}] has the strides [${strides}], but ${name}[${i}] [${other}]`);
  }
}
