import { constants } from 'node:os';

/**
 * A signal that Ctrl-C (or SIGTERM, as a cluster sends before it takes a machine back) aborts, with `onFirst` told; the second one
 * ends the process at once.
 */
export function abortOnInterrupt(onFirst: () => void = () => {}): AbortSignal {
  const controller = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.on(signal, () => {
      if (controller.signal.aborted) process.exit(128 + constants.signals[signal]);
      controller.abort();
      onFirst();
    });
  }
  return controller.signal;
}
