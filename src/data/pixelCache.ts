/**
 * Resized pictures as bytes in memory that all worker threads share, so that later epochs only augment. Each picture of the list has
 * a fixed slot; a list that does not fit keeps its first pictures, which with random access hits as often as any other choice.
 */
export interface PixelCache {
  pixels: SharedArrayBuffer;
  /** One word a slot: `EMPTY`, `FILLING` or `FULL`. */
  states: SharedArrayBuffer;
  /** Bytes of one picture. */
  stride: number;
}

const EMPTY = 0;
const FILLING = 1;
const FULL = 2;

/** Room for as many of `count` pictures of `stride` bytes as fit into `limit` bytes; the system gives the memory when it is filled. */
export function createPixelCache(count: number, stride: number, limit: number): PixelCache {
  const slots = Math.min(count, Math.floor(limit / stride));
  return {
    pixels: new SharedArrayBuffer(slots * stride),
    states: new SharedArrayBuffer(slots * Int32Array.BYTES_PER_ELEMENT),
    stride,
  };
}

/** The picture at `position` of the list, not to be written to. */
export function cachedPixels({ pixels, states, stride }: PixelCache, position: number): Uint8Array | undefined {
  const slots = new Int32Array(states);
  if (position >= slots.length || Atomics.load(slots, position) !== FULL) return undefined;
  return new Uint8Array(pixels, position * stride, stride);
}

/** Keeps a picture unless it has no slot or another thread has filled or is filling it. */
export function keepPixels({ pixels, states, stride }: PixelCache, position: number, picture: Uint8Array): void {
  const slots = new Int32Array(states);
  if (position >= slots.length || Atomics.compareExchange(slots, position, EMPTY, FILLING) !== EMPTY) return;
  new Uint8Array(pixels, position * stride, stride).set(picture);
  Atomics.store(slots, position, FULL);
}
