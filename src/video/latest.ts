/**
 * The newest of what comes, for what cannot wait, such as a camera: while one is worked on, those that come are dropped but for the last. So
 * nothing lags behind, and one is in memory at a time.
 *
 * @param stop ends the source, whatever it waits for
 */
export async function* latest<Item>(source: AsyncGenerator<Item>, stop: () => void): AsyncGenerator<Item> {
  let newest: { item: Item } | null = null;
  let over = false;
  let failure: { error: unknown } | null = null;
  let wake = () => {};
  const reading = (async () => {
    try {
      for await (const item of source) {
        newest = { item };
        wake();
      }
    } catch (error) {
      failure = { error };
    }
    over = true;
    wake();
  })();
  try {
    for (;;) {
      const taken = newest as { item: Item } | null;
      newest = null;
      if (taken) yield taken.item;
      else if (over) break;
      else {
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
    }
    if (failure) throw (failure as { error: unknown }).error;
  } finally {
    stop();
    await Promise.all([source.return(undefined), reading]);
  }
}
