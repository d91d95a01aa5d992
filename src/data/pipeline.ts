import { decodePicture } from '../codec/decode.js';
import { forEachConcurrently } from '../concurrent.js';
import { UaferError } from '../errors.js';
import { toSquare } from '../image/preprocess.js';
import { createRandom, STREAMS } from '../random.js';
import { type TransformOptions, writeTensor } from './augment.js';
import { cachedPixels, keepPixels, type PixelCache } from './pixelCache.js';

/** What every thread that makes batches of a list of pictures knows. */
export interface PipelineSource {
  paths: readonly string[];
  transform: TransformOptions;
  cache: PixelCache;
  seed: number;
}

/** One batch to make. */
export interface BatchJob {
  epoch: number;
  /** Positions in the list, in the epoch's order. */
  positions: Int32Array;
  /** Place of the first of them in the epoch's order: with seed and epoch it decides the augmentation. */
  first: number;
  /** Positions that step in, in this order, for pictures that cannot be read. */
  substitutes: Int32Array;
}

interface UnreadablePicture {
  path: string;
  reason: string;
}

export interface PixelBatch {
  /** (K, 3, S, S) for the K pictures of `positions`. */
  images: Float32Array;
  /** Positions in the list of the pictures that stand in the batch. */
  positions: Int32Array;
  unreadable: UnreadablePicture[];
}

/** Decoding waits on the threads of the system: some pictures at once keep those busy, all at once would only fill memory. */
const DECODES_AT_ONCE = 8;

/**
 * Decodes, resizes, augments and normalises the pictures of one batch. The result depends on source and job alone, not on the thread
 * or on what was made before. A picture that cannot be read is named in `unreadable`; a substitute takes its place while there is
 * one, else the batch is smaller.
 */
export async function makeBatch(
  source: PipelineSource,
  { epoch, positions, first, substitutes }: BatchJob,
): Promise<PixelBatch> {
  const unreadable: UnreadablePicture[] = [];
  const read = async (position: number) => {
    const pixels = await readPixels(source, position);
    if (pixels instanceof Uint8Array) return { position, pixels };
    unreadable.push(pixels);
    return undefined;
  };
  const found = await mapConcurrently(positions, read);
  const spare = [...substitutes];
  for (let i = 0; i < found.length; i++) {
    while (found[i] === undefined && spare.length > 0) found[i] = await read(spare.shift() as number);
  }
  const { imageSize } = source.transform;
  const length = 3 * imageSize * imageSize;
  const kept = found.flatMap((entry, offset) => (entry ? [{ ...entry, offset }] : []));
  const images = new Float32Array(kept.length * length);
  kept.forEach(({ pixels, offset }, i) => {
    const random = createRandom({ seed: source.seed, epoch, stream: STREAMS.transform, position: first + offset });
    writeTensor(pixels, source.transform, random, images.subarray(i * length, (i + 1) * length));
  });
  return { images, positions: Int32Array.from(kept, ({ position }) => position), unreadable };
}

/** The resized picture, or why it cannot be read. Any other failure (an oblong picture) stops the run. */
async function readPixels(
  { paths, transform, cache }: PipelineSource,
  position: number,
): Promise<Uint8Array | UnreadablePicture> {
  const cached = cachedPixels(cache, position);
  if (cached) return cached;
  const path = paths[position];
  if (path === undefined) throw new RangeError(`position ${position} is outside the list of ${paths.length} pictures`);
  try {
    const pixels = toSquare(await decodePicture(path), transform, path);
    keepPixels(cache, position, pixels);
    return pixels;
  } catch (error) {
    if (error instanceof UaferError && error.code === 'IMAGE') return { path, reason: error.message };
    throw error;
  }
}

async function mapConcurrently<T>(values: Int32Array, map: (value: number) => Promise<T>): Promise<T[]> {
  const results = new Array<T>(values.length);
  await forEachConcurrently([...values.entries()], DECODES_AT_ONCE, async ([i, value]) => {
    results[i] = await map(value);
  });
  return results;
}
