/** Ctrl-C, what a cluster sends before it takes a machine back, and what comes when the terminal goes. */
const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/**
 * A signal that the first Ctrl-C (or SIGTERM, or SIGHUP) aborts, with `onFirst` told. From then on the system itself ends the process at the next
 * one, at once and whatever a thread waits for: a handler of ours could not, since Node waits for its threads when it exits, and a thread
 * in a system call that never returns never ends.
 */
export function abortOnInterrupt(onFirst: () => void = () => {}): AbortSignal {
  const controller = new AbortController();
  const onSignal = () => {
    for (const signal of SIGNALS) process.off(signal, onSignal);
    controller.abort();
    onFirst();
  };
  for (const signal of SIGNALS) process.on(signal, onSignal);
  return controller.signal;
}

/** From here on the first signal ends the process, as where nothing was installed: for what follows work that can be stopped. */
export function endOnInterrupt(): void {
  for (const signal of SIGNALS) process.removeAllListeners(signal);
}
