/** Gathers what comes one by one into batches: a little waiting, so that what comes together is worked on together. */

interface Gatherer<Item, Result> {
  /** The result of an item. Rejects with the signal's reason when it is aborted while the item waits, and the item is dropped. */
  add(item: Item, signal: AbortSignal): Promise<Result>;
  /** Milliseconds for which the batch that was begun first has been worked on; 0 when none is. */
  longest(): number;
}

export interface GatherOptions<Item, Result> {
  /** Works on a batch: a result for each item, in their order. */
  run(items: Item[]): Promise<Result[]>;
  /** Items of a batch. */
  most: number;
  /** Milliseconds that an item waits for others. */
  waitMs: number;
  /** Batches at once. */
  lanes: number;
  /** Whether more items than these may come soon: if not, nothing is waited for. */
  moreThan(items: number): boolean;
}

interface Entry<Item, Result> {
  item: Item;
  since: number;
  signal: AbortSignal;
  leave(): void;
  resolve(result: Result): void;
  reject(error: unknown): void;
}

/** An item that finds all lanes taken waits for one, and goes with all that came in between, up to a whole batch. */
export function createGatherer<Item, Result>({ run, most, waitMs, lanes, moreThan }: GatherOptions<Item, Result>) {
  const waiting: Entry<Item, Result>[] = [];
  const begun = new Set<number>();
  let timer: NodeJS.Timeout | undefined;

  const begin = async (batch: Entry<Item, Result>[]): Promise<void> => {
    // Two batches may begin in the same moment.
    let start = performance.now();
    while (begun.has(start)) start += 1e-3;
    begun.add(start);
    for (const { signal, leave } of batch) signal.removeEventListener('abort', leave);
    try {
      const results = await run(batch.map(({ item }) => item));
      batch.forEach(({ resolve }, i) => {
        resolve(results[i] as Result);
      });
    } catch (error) {
      for (const { reject } of batch) reject(error);
    } finally {
      begun.delete(start);
      serve();
    }
  };
  const serve = (): void => {
    clearTimeout(timer);
    while (waiting[0] && begun.size < lanes) {
      const left = waiting[0].since + waitMs - performance.now();
      if (waiting.length < most && left > 0 && moreThan(waiting.length)) {
        timer = setTimeout(serve, left);
        return;
      }
      void begin(waiting.splice(0, most));
    }
  };
  const gatherer: Gatherer<Item, Result> = {
    add: (item, signal) =>
      new Promise((resolve, reject) => {
        if (signal.aborted) return reject(signal.reason);
        const leave = () => {
          waiting.splice(waiting.indexOf(entry), 1);
          reject(signal.reason);
        };
        const entry = { item, since: performance.now(), signal, leave, resolve, reject };
        signal.addEventListener('abort', leave, { once: true });
        waiting.push(entry);
        serve();
      }),
    longest: () => (begun.size === 0 ? 0 : performance.now() - Math.min(...begun)),
  };
  return gatherer;
}
