/** Which ONNX Runtime networks run on in a browser. */
import { UaferError } from '../errors.js';
import type { OnnxRuntime } from '../onnx/network.js';

export type Backend = 'webgpu' | 'wasm';

export interface Runtime {
  runtime: OnnxRuntime;
  providers: readonly string[];
  threads: number;
  /** What it is, in words. */
  words: string;
}

const MOST_THREADS = 4;

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

async function loadWasm(wanted: number | undefined): Promise<Runtime> {
  const runtime = await imported('WebAssembly', () => import('onnxruntime-web/wasm'));
  // WebAssembly's threads share memory, which browsers give to cross-origin isolated pages alone.
  const threads = crossOriginIsolated ? (wanted ?? Math.min(MOST_THREADS, navigator.hardwareConcurrency)) : 1;
  runtime.env.wasm.numThreads = threads;
  const why = crossOriginIsolated ? '' : ' (the page is not cross-origin isolated)';
  return {
    runtime: runtime as unknown as OnnxRuntime,
    providers: ['wasm'],
    threads,
    words: `WebAssembly, ${threads} thread${threads === 1 ? '' : 's'}${why}`,
  };
}

async function imported<T>(what: string, load: () => Promise<T>): Promise<T> {
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
