/** A thin seam to ONNX Runtime: the same code runs on `onnxruntime-node` and, in a browser, on `onnxruntime-web`. */
import type { InferenceSessionFactory, TensorConstructor } from 'onnxruntime-common';
import { UaferError } from '../errors.js';

/** What is used of ONNX Runtime's package. */
export interface OnnxRuntime {
  InferenceSession: InferenceSessionFactory;
  Tensor: TensorConstructor;
}

/** A network of one input. */
export interface Network {
  /** Runs it on values of a shape, e.g. (N, 3, H, W), which are free to be overwritten afterwards. */
  run(values: Float32Array, shape: readonly number[]): Promise<NetworkOutputs>;
  close(): Promise<void>;
}

/** The output of a name. Throws `DATA` when the network has none of that name, or it is not of floats. */
export type NetworkOutputs = (name: string) => NetworkOutput;

interface NetworkOutput {
  data: Float32Array;
  shape: readonly number[];
}

export interface NetworkOptions {
  /** Stands in messages, e.g. a file's name. */
  name: string;
  /** Of one run of the network. One is best where several pictures are worked on at once. */
  threads: number;
}

/** Loads an ONNX file's bytes. Throws `DATA` when they are no network of one input. */
export async function loadNetwork(runtime: OnnxRuntime, file: Uint8Array, { name, threads }: NetworkOptions): Promise<Network> {
  const session = await runtime.InferenceSession.create(file, { intraOpNumThreads: threads, interOpNumThreads: 1 });
  const [input, ...others] = session.inputNames;
  if (input === undefined || others.length > 0)
    throw new UaferError('DATA', `the network ${name} has ${session.inputNames.length} inputs; expected one`);
  return {
    async run(values, shape) {
      const outputs = await session.run({ [input]: new runtime.Tensor('float32', values, shape) });
      return (wanted) => {
        const found = outputs[wanted];
        if (found?.data instanceof Float32Array) return { data: found.data, shape: found.dims };
        const problem = found
          ? `gives ${found.type} as "${wanted}"`
          : `has no output "${wanted}" but ${Object.keys(outputs).join(', ')}`;
        throw new UaferError('DATA', `the network ${name} ${problem}: its ONNX file is not the one that is meant`);
      };
    },
    close: () => session.release(),
  };
}
