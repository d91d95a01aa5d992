/** The layers that hold a network's weights, in the precision that is asked for. */
import { RELU6 } from '../clip/stem.js';
import { UaferError } from '../errors.js';
import { floatTensor, type GraphBuilder, int64Tensor, type OnnxTensor, scalarTensor, type Value } from './onnxGraph.js';

/** Weights as plain numbers. */
export interface Weight {
  dims: readonly number[];
  values: Float32Array;
}

/** Smallest and largest value that an activation had on real pictures, by the name of the layer that takes it. */
export type Ranges = ReadonlyMap<string, readonly [number, number]>;

/**
 * `fp32`. `fp16`: weights are stored in half precision and computed with in single precision, so that the file is half as large. `int8`:
 * products and convolutions in 8 bits, weights scaled by output channel, activations by the ranges that they had on real pictures. (Scaling
 * them anew for each call would make a picture's answer depend on the others of its batch.)
 */
export type LayerPrecision = { kind: 'fp32' | 'fp16' } | { kind: 'int8'; ranges: Ranges };

interface ConvOptions {
  stride: number;
  /** Rows and columns of zeros before and after; none, when left out. */
  padding?: readonly [before: number, after: number];
  /** As many as channels: each has a kernel of its own. */
  groups?: number;
  /** What follows; between quantised convolutions it is part of them. */
  activation?: 'relu' | 'relu6';
}

export interface Layers {
  /** x W^T + b over the last dimension; weight (out, in), bias (out). */
  linear(name: string, x: Value, weight: Weight, bias: Weight | null): Value;
  /** Convolution of (N, C, H, W); weight (out, in / groups, k, k), bias (out). */
  conv(name: string, x: Value, weight: Weight, bias: Weight | null, options: ConvOptions): Value;
  /** Layer normalisation over the last dimension. */
  norm(name: string, x: Value, gain: Weight, bias: Weight): Value;
  /** A tensor of single precision, whatever the precision of the layers. */
  float(name: string, values: Float32Array, dims: readonly number[]): Value;
  scalar(value: number): Value;
  ints(...values: number[]): Value;
  /** What every quantisable layer takes, by its name: for measuring ranges. */
  readonly taken: ReadonlyMap<string, Value>;
}

/** Layer normalisation's, as PyTorch has it. */
const EPSILON = 1e-5;

export function createLayers(graph: GraphBuilder, precision: LayerPrecision): Layers {
  const taken = new Map<string, Value>();
  const float = (name: string, values: Float32Array, dims: readonly number[]) =>
    graph.constant(name, floatTensor(name, values, dims));
  const scalar = (value: number) => graph.constant(`scalar ${value}`, scalarTensor(value));
  const ints = (...values: number[]) => graph.constant(`ints ${values}`, int64Tensor(values));
  const weightValue = (name: string, { values, dims }: Weight): Value => {
    if (precision.kind !== 'fp16') return float(name, values, dims);
    return graph.node('Cast', [graph.constant(name, halfTensor(name, values, dims))], { to: 1 });
  };
  const withBias = (name: string, x: Value, bias: Weight | null) =>
    bias ? graph.node('Add', [x, weightValue(`${name}.bias`, bias)]) : x;
  const quantisedInput = (name: string, x: Value): Value => {
    const ranges = precision.kind === 'int8' ? precision.ranges.get(name) : undefined;
    if (!ranges) throw new RangeError(`no range of what ${name} takes was measured`);
    const { scale, zero } = byteScale(ranges);
    const [s, z] = [
      graph.constant(`${name}.scale`, scalarTensor(scale)),
      graph.constant(`${name}.zero`, byteTensor([zero], [])),
    ];
    return graph.node('DequantizeLinear', [graph.node('QuantizeLinear', [x, s, z]), s, z]);
  };
  return {
    taken,
    float,
    scalar,
    ints,
    linear(name, x, weight, bias) {
      taken.set(name, x);
      const turned = transposed(weight);
      if (precision.kind !== 'int8') return withBias(name, graph.node('MatMul', [x, weightValue(name, turned)]), bias);
      const product = graph.node('MatMul', [quantisedInput(name, x), quantisedWeight(graph, name, weight, turned)]);
      return withBias(name, product, bias);
    },
    conv(name, x, weight, bias, { stride, padding: [before, after] = [0, 0], groups = 1, activation }) {
      taken.set(name, x);
      const side = weight.dims[2] as number;
      const attributes = {
        kernel_shape: [side, side],
        strides: [stride, stride],
        pads: [before, before, after, after],
        group: groups,
      };
      const quantised = precision.kind === 'int8' && precision.ranges.has(name);
      const input = quantised ? quantisedInput(name, x) : x;
      const kernel = quantised ? quantisedKernel(graph, name, weight) : weightValue(name, weight);
      const inputs = [input, kernel];
      if (bias)
        inputs.push(quantised ? quantisedBias(graph, name, bias, weight, precision.ranges) : weightValue(`${name}.bias`, bias));
      const convolved = graph.node('Conv', inputs, attributes);
      if (activation === 'relu') return graph.node('Relu', [convolved]);
      return activation ? graph.node('Clip', [convolved, scalar(0), scalar(RELU6)]) : convolved;
    },
    norm(name, x, gain, bias) {
      const inputs = [x, float(`${name}.weight`, gain.values, gain.dims), float(`${name}.bias`, bias.values, bias.dims)];
      return graph.node('LayerNormalization', inputs, { axis: -1, epsilon: { float: EPSILON } });
    },
  };
}

/** (out, in) to (in, out), which ONNX's products take. */
function transposed({ dims, values }: Weight): Weight {
  const [rows, columns] = dims as [number, number];
  const turned = new Float32Array(values.length);
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) turned[column * rows + row] = values[row * columns + column] as number;
  }
  return { dims: [columns, rows], values: turned };
}

/** Largest absolute value of each output channel over 127; 1 for a channel of zeros. */
function channelScales({ dims, values }: Weight): Float32Array {
  const channels = dims[0] as number;
  const size = values.length / channels;
  return Float32Array.from({ length: channels }, (_, channel) => {
    let most = 0;
    for (let i = channel * size; i < (channel + 1) * size; i++) most = Math.max(most, Math.abs(values[i] as number));
    return most === 0 ? 1 : most / 127;
  });
}

/** Whole numbers from -127 to 127 a channel: symmetric, so that no zero point is needed. */
function quantised({ dims, values }: Weight, scales: Float32Array): Int8Array {
  const size = values.length / (dims[0] as number);
  return Int8Array.from(values, (value, i) =>
    Math.max(-127, Math.min(127, Math.round(value / (scales[Math.floor(i / size)] as number)))),
  );
}

function int8Tensor(values: Int8Array, dims: readonly number[]): OnnxTensor {
  return { type: 'int8', dims, bytes: new Uint8Array(values.buffer, values.byteOffset, values.byteLength) };
}

function byteTensor(values: readonly number[], dims: readonly number[]): OnnxTensor {
  return { type: 'uint8', dims, bytes: Uint8Array.from(values) };
}

/** 8-bit weights (in, out) of a product with a scale an output. */
function quantisedWeight(graph: GraphBuilder, name: string, weight: Weight, { dims }: Weight): Value {
  const scales = channelScales(weight);
  const rows = quantised(weight, scales);
  const [inputs, outputs] = dims as [number, number];
  const turned = Int8Array.from(
    { length: rows.length },
    (_, i) => rows[(i % outputs) * inputs + Math.floor(i / outputs)] as number,
  );
  const inBytes = graph.constant(`${name} int8`, int8Tensor(turned, dims));
  const scale = graph.constant(`${name} scales`, floatTensor(name, scales, [outputs]));
  const zero = graph.constant(`int8 zeros ${outputs}`, int8Tensor(new Int8Array(outputs), [outputs]));
  return graph.node('DequantizeLinear', [inBytes, scale, zero], { axis: 1 });
}

function quantisedKernel(graph: GraphBuilder, name: string, weight: Weight): Value {
  const scales = channelScales(weight);
  const channels = weight.dims[0] as number;
  const inBytes = graph.constant(`${name} int8`, int8Tensor(quantised(weight, scales), weight.dims));
  const scale = graph.constant(`${name} scales`, floatTensor(name, scales, [channels]));
  const zero = graph.constant(`int8 zeros ${channels}`, int8Tensor(new Int8Array(channels), [channels]));
  return graph.node('DequantizeLinear', [inBytes, scale, zero], { axis: 0 });
}

/** A convolution's bias in 32 bits, in units of input scale times weight scale. */
function quantisedBias(graph: GraphBuilder, name: string, bias: Weight, weight: Weight, ranges: Ranges): Value {
  const { scale: inputScale } = byteScale(ranges.get(name) as readonly [number, number]);
  const scales = channelScales(weight).map((scale) => scale * inputScale);
  const whole = Int32Array.from(bias.values, (value, i) => Math.round(value / (scales[i] as number)));
  const dims = bias.dims;
  const inWords = graph.constant(`${name} bias int32`, { type: 'int32', dims, bytes: new Uint8Array(whole.buffer) });
  const scale = graph.constant(`${name} bias scales`, floatTensor(name, scales, dims));
  const zeros = new Uint8Array(4 * bias.values.length);
  const zero = graph.constant(`int32 zeros ${bias.values.length}`, { type: 'int32', dims, bytes: zeros });
  return graph.node('DequantizeLinear', [inWords, scale, zero], { axis: 0 });
}

/** The scale and zero of a byte that stands for values from `low` to `high`, 0 among them. */
function byteScale([low, high]: readonly [number, number]): { scale: number; zero: number } {
  const [from, to] = [Math.min(0, low), Math.max(0, high)];
  const scale = Math.fround(to > from ? (to - from) / 255 : 1);
  return { scale, zero: Math.max(0, Math.min(255, Math.round(-from / scale))) };
}

const LARGEST_HALF = 65504;

/** Rounded to half precision, to the nearest, ties to even. Throws `CHECKPOINT` for weights beyond 65,504. */
function halfTensor(name: string, values: Float32Array, dims: readonly number[]): OnnxTensor {
  // Checked as single-precision numbers are.
  floatTensor(name, values, dims);
  const largest = values.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  if (largest > LARGEST_HALF) {
    throw new UaferError(
      'CHECKPOINT',
      `The weights "${name}" reach ${largest}, beyond what half precision holds: export in fp32 or int8.`,
    );
  }
  const halves = Uint16Array.from(values, toHalf);
  return { type: 'float16', dims, bytes: new Uint8Array(halves.buffer) };
}

const word = new Uint32Array(1);
const single = new Float32Array(word.buffer);

/** The bits of the half-precision number nearest to a single-precision one (IEEE 754). */
export function toHalf(value: number): number {
  single[0] = value;
  const bits = word[0] as number;
  const sign = (bits >>> 16) & 0x8000;
  const magnitude = bits & 0x7fffffff;
  if (magnitude >= 0x477ff000) throw new RangeError(`${value} is beyond what half precision holds`);
  // Below 2^-14 halves lie 2^-24 apart: adding 2^-1 in single precision rounds to that distance.
  if (magnitude < 0x38800000) {
    single[0] = Math.abs(value) + 0.5;
    return sign | ((word[0] as number) - 0x3f000000);
  }
  const odd = (magnitude >>> 13) & 1;
  return sign | ((magnitude - 0x38000000 + 0xfff + odd) >>> 13);
}
