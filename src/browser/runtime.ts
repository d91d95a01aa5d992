/** Which ONNX Runtime networks run on in a browser. */
import { UaferError } from '../errors.js';
import type { OnnxRuntime } from '../onnx/network.js';
import { imported, type Runtime } from './runtimePackage.js';
import { loadWasm } from './wasm.js';

export type Backend = 'webgpu' | 'wasm';

/** WebGPU where there is a graphics card for it, else WebAssembly; or the one that is asked for. Throws `RUNTIME_NOT_FOUND`. */
export async function loadRuntime({ backend, threads }: { backend?: Backend; threads?: number }): Promise<Runtime> {
  if (backend === 'webgpu' || (backend === undefined && (await hasGraphicsCard()))) return loadWebGpu();
  if (backend === undefined || backend === 'wasm') return loadWasm(threads);
  throw new UaferError('USAGE', `backend: expected webgpu or wasm, got ${JSON.stringify(backend)}.`);
}

interface Gpu {
  requestAdapter(): Promise<{ info?: { isFallbackAdapter?: boolean } } | null>;
}

/** An adapter that only imitates a card on the processor is slower than WebAssembly. */
async function hasGraphicsCard(): Promise<boolean> {
  const { gpu } = navigator as Navigator & { gpu?: Gpu };
  const adapter = await gpu?.requestAdapter().catch(() => null);
  return adapter !== null && adapter !== undefined && adapter.info?.isFallbackAdapter !== true;
}

async function loadWebGpu(): Promise<Runtime> {
  const runtime = await imported('WebGPU', () => import('onnxruntime-web/webgpu'));
  return { runtime: runtime as unknown as OnnxRuntime, providers: ['webgpu'], threads: 1, words: 'WebGPU' };
}
