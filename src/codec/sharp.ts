import type Sharp from 'sharp';

let loading: Promise<typeof Sharp> | undefined;

/** The decoder of most pictures, loaded with the first of them: it takes as long as all else of a prediction's start together. */
export function loadSharp(): Promise<typeof Sharp> {
  loading ??= import('sharp').then(({ default: sharp }) => {
    // Pictures are small and many are decoded at once: one thread each, and no cache of libvips' own beside ours.
    sharp.concurrency(1);
    sharp.cache(false);
    return sharp;
  });
  return loading;
}
