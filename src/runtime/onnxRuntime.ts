/** Which ONNX Runtime networks run on in Node.js. */
import { UaferError } from '../errors.js';
import type { OnnxRuntime } from '../onnx/network.js';

/** `native` is onnxruntime-node, `wasm` onnxruntime-web's WebAssembly. */
export type Backend = 'native' | 'wasm';

export interface LoadedRuntime {
  backend: Backend;
  runtime: OnnxRuntime;
  /** The package and its version. */
  name: string;
}

/**
 * onnxruntime-node is pinned to 1.17.0, the last release that installs without a script: later ones fetch 300 MB of libraries for GPUs from
 * elsewhere and fail where that is not reached, are three times as large, and give the same numbers at the same speed on these networks.
 */
const NATIVE = 'onnxruntime-node';
const WASM = 'onnxruntime-web';

const loading = new Map<string, Promise<LoadedRuntime>>();

/**
 * Loads ONNX Runtime, once: the native one where it works, else the one on WebAssembly; or the one that `backend` names. Throws
 * `RUNTIME_NOT_FOUND` with the remedy.
 */
export function loadOnnxRuntime(backend?: Backend): Promise<LoadedRuntime> {
  const key = backend ?? 'any';
  const found = loading.get(key) ?? load(backend);
  loading.set(key, found);
  return found;
}

async function load(backend: Backend | undefined): Promise<LoadedRuntime> {
  const reasons: string[] = [];
  for (const candidate of backend ? [backend] : (['native', 'wasm'] as const)) {
    const name = candidate === 'native' ? NATIVE : WASM;
    try {
      const runtime: OnnxRuntime & { env?: { versions?: Record<string, string> } } = await import(name);
      const version = Object.values(runtime.env?.versions ?? {})[0];
      return { backend: candidate, runtime, name: version ? `${name} ${version}` : name };
    } catch (error) {
      reasons.push(`${name}: ${(error as Error).message.split('\n')[0]}`);
    }
  }
  throw new UaferError(
    'RUNTIME_NOT_FOUND',
    `No ONNX Runtime works here (${reasons.join('; ')}). Install the one on WebAssembly, which runs everywhere: npm install ${WASM}`,
  );
}
