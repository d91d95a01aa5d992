/** ONNX Runtime on WebAssembly. */
import type { OnnxRuntime } from '../onnx/network.js';
import { imported, type Runtime } from './runtimePackage.js';

const MOST_THREADS = 4;

/**
 * @param wanted threads, where the page is cross-origin isolated; by default up to 4 and one fewer than there are processors: where they take
 *   all of them, the page itself waits for up to a third of a second. Throws `RUNTIME_NOT_FOUND`.
 */
export async function loadWasm(wanted: number | undefined): Promise<Runtime> {
  const runtime = await imported('WebAssembly', () => import('onnxruntime-web/wasm'));
  // WebAssembly's threads share memory, which browsers give to cross-origin isolated pages alone.
  const threads = crossOriginIsolated ? (wanted ?? threadsBesideThePage()) : 1;
  runtime.env.wasm.numThreads = threads;
  const why = crossOriginIsolated ? '' : ' (the page is not cross-origin isolated)';
  return {
    runtime: runtime as unknown as OnnxRuntime,
    providers: ['wasm'],
    threads,
    words: `WebAssembly, ${threads} thread${threads === 1 ? '' : 's'}${why}`,
  };
}

function threadsBesideThePage(): number {
  return Math.max(1, Math.min(MOST_THREADS, navigator.hardwareConcurrency - 1));
}
