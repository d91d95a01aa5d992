/**
 * The original's way to score a test set: the metric of each batch, averaged over batches of any size alike. For parity with its
 * printed numbers only; for classes that a batch lacks it is wrong.
 */
export function batchAveraged<T>(metric: (batch: readonly T[]) => number, rows: readonly T[], batchSize: number): number {
  const batches = Array.from({ length: Math.ceil(rows.length / batchSize) }, (_, i) =>
    rows.slice(i * batchSize, (i + 1) * batchSize),
  );
  return batches.reduce((total, batch) => total + metric(batch), 0) / batches.length;
}
