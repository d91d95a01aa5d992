/** A package of ONNX Runtime, as it was loaded. */
import { UaferError } from '../errors.js';
import type { OnnxRuntime } from '../onnx/network.js';

export interface Runtime {
  runtime: OnnxRuntime;
  providers: readonly string[];
  threads: number;
  /** What it is, in words. */
  words: string;
}

/** A package that may not be there. Throws `RUNTIME_NOT_FOUND`. */
export async function imported<T>(what: string, load: () => Promise<T>): Promise<T> {
  try {
    return await load();
  } catch (cause) {
    throw new UaferError(
      'RUNTIME_NOT_FOUND',
      `ONNX Runtime for ${what} could not be loaded: ${(cause as Error).message}. Is the package onnxruntime-web installed?`,
      { cause },
    );
  }
}
