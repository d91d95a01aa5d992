/** The page's side of the worker: questions with answers, and the end of it, which gives all of its memory back. */
import type { FromWorker, Kind, Requests } from './messages';

export interface Client {
  ask<K extends Kind>(kind: K, ask: Requests[K]['ask'], transfer?: Transferable[]): Promise<Requests[K]['answer']>;
  /** Ends the worker at once. What was asked of it is never answered. */
  end(): void;
}

/** @param onProgress bytes loaded of those that are to be */
export function startWorker(onProgress: (done: number, total: number) => void): Client {
  const worker = new Worker(new URL('./worker.ts', import.meta.url), { type: 'module', name: 'uafer' });
  const waiting = new Map<number, { resolve(answer: unknown): void; reject(error: Error): void }>();
  let last = 0;
  const failAll = (message: string) => {
    for (const { reject } of waiting.values()) reject(new Error(message));
    waiting.clear();
  };
  worker.onmessage = ({ data }: MessageEvent<FromWorker>) => {
    if (data.kind === 'progress') return onProgress(data.done, data.total);
    const asked = waiting.get(data.id);
    waiting.delete(data.id);
    if (data.kind === 'answer') asked?.resolve(data.answer);
    else asked?.reject(new Error(data.message));
  };
  worker.onerror = (event) => failAll(`The worker failed: ${event.message || 'it could not be loaded'}.`);
  return {
    ask(kind, ask, transfer = []) {
      const id = ++last;
      return new Promise((resolve, reject) => {
        waiting.set(id, { resolve: resolve as (answer: unknown) => void, reject });
        worker.postMessage({ id, kind, ask }, transfer);
      });
    },
    end() {
      worker.terminate();
      waiting.clear();
    },
  };
}
