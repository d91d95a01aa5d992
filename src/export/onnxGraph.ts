/**
 * ONNX files from nodes and tensors (onnx.ai/onnx/repo-docs/IR.html; field numbers are those of onnx.proto3). Operators are those of opset
 * 17, which every ONNX Runtime since 1.12 has, on processors, in browsers and on phones.
 */
import { UaferError } from '../errors.js';
import { bytesField, floatField, int64Fields, messageField, varintField } from '../protobuf.js';

/** Version of the operators, and of the file format that came with it. */
export const OPSET = 17;
const IR_VERSION = 8;

/** Types of `TensorProto`, as far as they are used. */
const TYPES = { float32: 1, uint8: 2, int8: 3, int32: 6, int64: 7, float16: 10 } as const;
const BYTES = { float32: 4, uint8: 1, int8: 1, int32: 4, int64: 8, float16: 2 } as const;
type OnnxType = keyof typeof TYPES;

export interface OnnxTensor {
  type: OnnxType;
  dims: readonly number[];
  /** Little-endian, row-major. */
  bytes: Uint8Array;
}

/** A value in the graph, by its name. */
export type Value = string;

type Attribute = number | readonly number[] | { float: number };
/** Whole numbers stand for ONNX's `int` and `ints`; `{ float }` for its `float`. */
type Attributes = Readonly<Record<string, Attribute>>;

/** A size by its number, or by a name where it differs from call to call. */
type Dimension = number | string;

export interface GraphBuilder {
  input(name: string, type: OnnxType, dims: readonly Dimension[]): Value;
  /** Adds an operator with one output. */
  node(operator: string, inputs: readonly Value[], attributes?: Attributes): Value;
  /** Adds an operator with several outputs. */
  nodes(operator: string, inputs: readonly Value[], outputs: number, attributes?: Attributes): Value[];
  /** A tensor that the file holds. The same name gives the same value. */
  constant(name: string, tensor: OnnxTensor): Value;
  /** Makes a value an output of this name. */
  output(name: string, value: Value, type: OnnxType, dims: readonly Dimension[]): void;
  /** The file's bytes; tensors that would make it larger than a file of Protocol Buffers may be go to `data`. */
  file(options: { dataFile: string; limit?: number }): OnnxFile;
}

export interface OnnxFile {
  model: readonly Uint8Array[];
  /** What stands in the file beside it, where one is needed. */
  data: readonly Uint8Array[] | null;
}

/** Protocol Buffers' limit of 2 GiB, less room for what is not tensors. */
const FILE_LIMIT = 2 ** 31 - 2 ** 24;
/** Smaller tensors stay in the model's file. */
const KEPT_INSIDE = 1024;

/** Builds a graph in the order of its nodes. */
export function createGraph(name: string): GraphBuilder {
  const nodes: Uint8Array[] = [];
  const inputs: Uint8Array[] = [];
  const outputs: Uint8Array[] = [];
  const constants = new Map<string, OnnxTensor>();
  let count = 0;
  const add = (operator: string, taken: readonly Value[], made: readonly Value[], attributes: Attributes): void => {
    nodes.push(nodeMessage(operator, taken, made, attributes, `${operator}_${nodes.length}`));
  };
  const builder: GraphBuilder = {
    input(value, type, dims) {
      inputs.push(valueMessage(value, type, dims));
      return value;
    },
    node(operator, taken, attributes = {}) {
      return builder.nodes(operator, taken, 1, attributes)[0] as Value;
    },
    nodes(operator, taken, made, attributes = {}) {
      const values = Array.from({ length: made }, () => `v${count++}`);
      add(operator, taken, values, attributes);
      return values;
    },
    constant(value, tensor) {
      const expected = tensor.dims.reduce((product, side) => product * side, BYTES[tensor.type]);
      if (tensor.bytes.length !== expected)
        throw new RangeError(`${value}: ${tensor.bytes.length} bytes for ${tensor.type} [${tensor.dims}]`);
      constants.set(value, tensor);
      return value;
    },
    output(value, from, type, dims) {
      add('Identity', [from], [value], {});
      outputs.push(valueMessage(value, type, dims));
    },
    file({ dataFile, limit = FILE_LIMIT }) {
      const inside = [...constants.values()].reduce((sum, { bytes }) => sum + bytes.length, 0) <= limit;
      const data: Uint8Array[] = [];
      let at = 0;
      const initializers = [...constants].flatMap(([value, tensor]) => {
        if (inside || tensor.bytes.length < KEPT_INSIDE) return messageField(5, tensorMessage(value, tensor));
        const place = { file: dataFile, offset: at };
        data.push(tensor.bytes);
        at += tensor.bytes.length;
        return messageField(5, tensorMessage(value, tensor, place));
      });
      const graph = [
        ...nodes.map((node) => bytesField(1, node)),
        bytesField(2, name),
        ...initializers,
        ...inputs.map((input) => bytesField(11, input)),
        ...outputs.map((output) => bytesField(12, output)),
      ];
      const model = [
        varintField(1, IR_VERSION),
        bytesField(2, 'uafer'),
        ...messageField(7, graph),
        bytesField(8, varintField(2, OPSET)),
      ];
      return { model, data: inside ? null : data };
    },
  };
  return builder;
}

function nodeMessage(
  operator: string,
  inputs: readonly Value[],
  outputs: readonly Value[],
  attributes: Attributes,
  name: string,
): Uint8Array {
  return Buffer.concat([
    ...inputs.map((input) => bytesField(1, input)),
    ...outputs.map((output) => bytesField(2, output)),
    bytesField(3, name),
    bytesField(4, operator),
    ...Object.entries(attributes).map(([key, value]) => bytesField(5, attributeMessage(key, value))),
  ]);
}

/** Kinds of `AttributeProto`. */
const FLOAT = 1;
const INT = 2;
const INTS = 7;

function attributeMessage(name: string, value: Attribute): Uint8Array {
  if (typeof value === 'number') return Buffer.concat([bytesField(1, name), int64Fields(3, [value]), varintField(20, INT)]);
  if ('float' in value) return Buffer.concat([bytesField(1, name), floatField(2, value.float), varintField(20, FLOAT)]);
  return Buffer.concat([bytesField(1, name), int64Fields(8, value), varintField(20, INTS)]);
}

function tensorMessage(name: string, tensor: OnnxTensor, place?: { file: string; offset: number }): Uint8Array[] {
  const head = [int64Fields(1, tensor.dims), varintField(2, TYPES[tensor.type]), bytesField(8, name)];
  if (!place) return [...head, ...messageField(9, [tensor.bytes])];
  const entry = (key: string, value: string | number) =>
    bytesField(13, Buffer.concat([bytesField(1, key), bytesField(2, String(value))]));
  const external = [entry('location', place.file), entry('offset', place.offset), entry('length', tensor.bytes.length)];
  return [...head, ...external, varintField(14, 1)];
}

function valueMessage(name: string, type: OnnxType, dims: readonly Dimension[]): Uint8Array {
  const sizes = dims.map((size) => bytesField(1, typeof size === 'number' ? varintField(1, size) : bytesField(2, size)));
  const tensor = Buffer.concat([varintField(1, TYPES[type]), bytesField(2, Buffer.concat(sizes))]);
  return Buffer.concat([bytesField(1, name), bytesField(2, bytesField(1, tensor))]);
}

/** Single-precision numbers as a tensor. Throws `CHECKPOINT` naming it when one is not finite. */
export function floatTensor(name: string, values: Float32Array, dims: readonly number[]): OnnxTensor {
  if (!values.every(Number.isFinite))
    throw new UaferError('CHECKPOINT', `The weights "${name}" hold a value that is not a finite number: the model is damaged.`);
  return { type: 'float32', dims, bytes: new Uint8Array(values.buffer, values.byteOffset, values.byteLength) };
}

/** Whole numbers as a tensor of one dimension. */
export function int64Tensor(values: readonly number[]): OnnxTensor {
  return { type: 'int64', dims: [values.length], bytes: new Uint8Array(BigInt64Array.from(values, BigInt).buffer) };
}

/** A single number as a tensor without dimensions. */
export function scalarTensor(value: number): OnnxTensor {
  return { type: 'float32', dims: [], bytes: new Uint8Array(Float32Array.of(value).buffer) };
}
