/** Which pictures one of several processes takes, so that together they take what one process would. */

export interface Shard {
  /** Of this process, from 0. */
  rank: number;
  /** Processes. */
  size: number;
  /**
   * Whether the pictures of a batch belong together in pairs, the first with the last and so on, as mixup makes them: then no pair is parted.
   */
  pairs: boolean;
}

/**
 * The places, ascending, of a process's pictures in a batch of `length`: each place is one process's. Runs of neighbours, that differ by one
 * picture at most; with `pairs` runs of pairs, so that a process's pictures, turned round, are its pairs' other halves. A batch of fewer
 * pictures (or pairs) than processes, as the last one of an epoch may be, leaves some without any.
 */
export function placesInBatch(length: number, { rank, size, pairs }: Shard): Int32Array {
  const units = pairs ? Math.ceil(length / 2) : length;
  const [from, to] = [Math.floor((rank * units) / size), Math.floor(((rank + 1) * units) / size)];
  const run = Array.from({ length: to - from }, (_, i) => from + i);
  if (!pairs) return Int32Array.from(run);
  const others = run.map((place) => length - 1 - place).reverse();
  // The middle one of an odd number is its own other half.
  return Int32Array.from(new Set([...run, ...others]));
}

/** The fewest pictures of a batch of which every process gets some. */
export function smallestBatch({ size, pairs }: Pick<Shard, 'size' | 'pairs'>): number {
  return pairs ? 2 * size - 1 : size;
}
