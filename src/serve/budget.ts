/** An amount that is taken and given back, of which there is so much: memory for pixels. Who comes first is served first. */

export interface Budget {
  /**
   * Waits for an amount (one that is larger than there is at all waits for everything), and returns how to give it back, which may be called more
   * than once. Rejects with the signal's reason once it is aborted.
   */
  take(amount: number, signal: AbortSignal): Promise<() => void>;
}

interface Waiting {
  amount: number;
  begin(): void;
}

export function createBudget(whole: number): Budget {
  let left = whole;
  const waiting: Waiting[] = [];
  const serve = () => {
    while (waiting[0] && waiting[0].amount <= left) (waiting.shift() as Waiting).begin();
  };
  const taken = (amount: number) => {
    left -= amount;
    let held = true;
    return () => {
      if (!held) return;
      held = false;
      left += amount;
      serve();
    };
  };
  return {
    take: (wanted, signal) =>
      new Promise((resolve, reject) => {
        if (signal.aborted) return reject(signal.reason);
        const amount = Math.min(wanted, whole);
        const leave = () => {
          waiting.splice(waiting.indexOf(entry), 1);
          reject(signal.reason);
          serve();
        };
        const entry: Waiting = {
          amount,
          begin() {
            signal.removeEventListener('abort', leave);
            resolve(taken(amount));
          },
        };
        signal.addEventListener('abort', leave, { once: true });
        waiting.push(entry);
        serve();
      }),
  };
}
