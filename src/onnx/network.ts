/** A thin seam to ONNX Runtime: the same code runs on `onnxruntime-node` and, in a browser, on `onnxruntime-web`. */
import { UaferError } from '../errors.js';

/**
 * What is used of ONNX Runtime's package, whichever of them it is. Its own types would ask everyone who imports this package for those of
 * browsers.
 */
export interface OnnxRuntime {
  InferenceSession: {
    /** A path where the runtime reads files, or a file's bytes. */
    create(file: Uint8Array | string, options: object): Promise<OnnxSession>;
  };
  Tensor: new (type: 'uint8' | 'float32', data: Uint8Array | Float32Array, dims: readonly number[]) => OnnxTensor;
}

interface OnnxSession {
  readonly inputNames: readonly string[];
  readonly outputNames: readonly string[];
  run(inputs: Readonly<Record<string, OnnxTensor>>): Promise<Readonly<Record<string, OnnxTensor>>>;
  release(): Promise<void>;
}

interface OnnxTensor {
  readonly type: string;
  readonly data: unknown;
  readonly dims: readonly number[];
}

/** A network of one input. */
export interface Network {
  /** Names of its outputs. */
  readonly outputs: readonly string[];
  /** Runs it on values of a shape, e.g. (N, 3, H, W), which are free to be overwritten afterwards. */
  run(values: Float32Array | Uint8Array, shape: readonly number[]): Promise<NetworkOutputs>;
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
  /** Where it runs: WebGPU and the like, by ONNX Runtime's names; the processor when left out. */
  executionProviders?: readonly string[];
}

/** Loads an ONNX file, by its path where the runtime reads files, or its bytes. Throws `DATA` when it is no network of one input. */
export async function loadNetwork(
  runtime: OnnxRuntime,
  file: Uint8Array | string,
  { name, threads, executionProviders }: NetworkOptions,
): Promise<Network> {
  const session = await open(runtime, file, name, {
    intraOpNumThreads: threads,
    interOpNumThreads: 1,
    // With it, the second run of a network of small values that live long gives other numbers than the first (microsoft/onnxruntime
    // issues 18672 and 27768; seen here in 1.17). Measured with the default model, it saves no time.
    enableMemPattern: false,
    // Its warnings are about how it optimises, which nobody who runs a network can change.
    logSeverityLevel: 3,
    ...(executionProviders && { executionProviders: [...executionProviders] }),
  });
  const [input, ...others] = session.inputNames;
  if (input === undefined || others.length > 0)
    throw new UaferError('DATA', `${name} is another network: it has ${session.inputNames.length} inputs, expected one`);
  return {
    outputs: session.outputNames,
    async run(values, shape) {
      const tensor =
        values instanceof Uint8Array
          ? new runtime.Tensor('uint8', values, shape)
          : new runtime.Tensor('float32', values, shape);
      const outputs = await session.run({ [input]: tensor });
      return (wanted) => {
        const found = outputs[wanted];
        if (found?.data instanceof Float32Array) return { data: found.data, shape: found.dims };
        const problem = found
          ? `gives ${found.type} as "${wanted}"`
          : `has no output "${wanted}" but ${Object.keys(outputs).join(', ')}`;
        throw new UaferError('DATA', `${name} is another network than the one that is meant: it ${problem}`);
      };
    },
    close: () => session.release(),
  };
}

async function open(runtime: OnnxRuntime, file: Uint8Array | string, name: string, options: object): Promise<OnnxSession> {
  try {
    return await runtime.InferenceSession.create(file, options);
  } catch (cause) {
    throw new UaferError('DATA', `${name} is not an ONNX network that can be loaded: ${(cause as Error).message}`, { cause });
  }
}
