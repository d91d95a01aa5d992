/** A thin seam to ONNX Runtime: the same code runs on `onnxruntime-node` and, in a browser, on `onnxruntime-web`. */
import type { InferenceSessionFactory, TensorConstructor } from 'onnxruntime-common';
import { UaferError } from '../errors.js';

/** What is used of ONNX Runtime's package. */
export interface OnnxRuntime {
  InferenceSession: InferenceSessionFactory;
  Tensor: TensorConstructor;
}

/** A network of one input, `pixels`. */
export interface Network {
  /** Runs it on `pixels` of a shape, e.g. (N, 3, H, W), which are free to be overwritten afterwards; outputs by name. */
  run(pixels: Float32Array, shape: readonly number[]): Promise<Readonly<Record<string, NetworkOutput>>>;
  close(): Promise<void>;
}

export interface NetworkOutput {
  data: Float32Array;
  shape: readonly number[];
}

/**
 * Loads an ONNX file's bytes.
 *
 * @param threads of one run of the network. One is best where several pictures are worked on at once.
 */
export async function loadNetwork(runtime: OnnxRuntime, file: Uint8Array, threads: number): Promise<Network> {
  const session = await runtime.InferenceSession.create(file, { intraOpNumThreads: threads, interOpNumThreads: 1 });
  return {
    async run(pixels, shape) {
      const outputs = await session.run({ pixels: new runtime.Tensor('float32', pixels, shape) });
      return Object.fromEntries(
        Object.entries(outputs).map(([name, { data, dims }]) => [name, { data: floats(data), shape: dims }]),
      );
    },
    close: () => session.release(),
  };
}

function floats(data: unknown): Float32Array {
  if (data instanceof Float32Array) return data;
  throw new UaferError('DATA', 'a detection network gave something else than floats: its ONNX file is not one of this package');
}

/** An output by name. */
export function output(outputs: Readonly<Record<string, NetworkOutput>>, name: string): NetworkOutput {
  const found = outputs[name];
  if (found !== undefined) return found;
  const names = Object.keys(outputs).join(', ');
  throw new UaferError(
    'DATA',
    `a detection network has no output "${name}" but ${names}: its ONNX file is not one of this package`,
  );
}
