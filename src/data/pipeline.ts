import { decodePicture } from '../codec/decode.js';
import { forEachConcurrently } from '../concurrent.js';
import { type Corruption, corrupted } from '../corruptions/corruptions.js';
import { UaferError } from '../errors.js';
import { toSquare } from '../image/preprocess.js';
import { type PictureStatistics, pictureStatistics } from '../image/statistics.js';
import { createRandom, STREAMS } from '../random.js';
import {
  type Changes,
  drawChanges,
  isSaidAhead,
  type TransformOptions,
  variantsOf,
  writeChanged,
  writeTensor,
} from './augment.js';
import { type KeptNotes, type KeptPicturesOptions, keptPictures, stampOf } from './keptPictures.js';

/** What every thread that makes batches of a list of pictures knows. */
export interface PipelineSource {
  paths: readonly string[];
  /** What the pictures are called, wherever they lie: what is drawn to spoil one depends on it. */
  names: readonly string[];
  transform: TransformOptions;
  /** Decoded pictures on the disk; null where every picture is decoded whenever it is needed. */
  kept: KeptPicturesOptions | null;
  seed: number;
  /** Whether pictures are given as bytes, with what is to be done to them, where that can be said ahead. */
  asBytes: boolean;
}

/** What evaluation asks for beside the pictures. */
export interface Viewing {
  /** Spoils the pictures as they are decoded. */
  corruption?: Corruption | undefined;
  /** Asks for the pictures' statistics (`src/image/statistics.ts`). */
  statistics?: boolean | undefined;
}

/** One batch to make. */
export interface BatchJob extends Viewing {
  epoch: number;
  /** Positions in the list, in the epoch's order. */
  positions: Int32Array;
  /** Place of the first of them in the epoch's order: with seed and epoch it decides the augmentation. */
  first: number;
  /** Places of the positions counted from `first`, where they don't follow each other. */
  places?: Int32Array;
  /** Positions that step in, in this order, for pictures that cannot be read. */
  substitutes: Int32Array;
}

interface UnreadablePicture {
  path: string;
  reason: string;
}

export interface PixelBatch {
  /** (K, 3, S, S) for the K pictures of `positions`; empty where `bytes` stands in their place. */
  images: Float32Array;
  /** (K, S, S, 3), and what is to be done to each. */
  bytes?: { pixels: Uint8Array; changes: Changes[] };
  /** Positions in the list of the pictures that stand in the batch. */
  positions: Int32Array;
  /** Of the K pictures, as `Batch` has them. */
  variants?: Uint8Array;
  /** Of the K pictures, where they were asked for; else none. */
  statistics: PictureStatistics[];
  unreadable: UnreadablePicture[];
  /** What has come up so far about the pictures that are kept. */
  notes: KeptNotes;
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
  { epoch, positions, first, places, substitutes, ...viewing }: BatchJob,
): Promise<PixelBatch> {
  const unreadable: UnreadablePicture[] = [];
  const read = async (position: number) => {
    const picture = await readPicture(source, position, viewing);
    if ('pixels' in picture) return { position, ...picture };
    unreadable.push(picture);
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
  const randomOf = ({ offset }: { offset: number }) =>
    createRandom({ seed: source.seed, epoch, stream: STREAMS.transform, position: first + (places?.[offset] ?? offset) });
  const { augment } = source.transform;
  const changes = isSaidAhead(augment) ? kept.map((entry) => drawChanges(augment, imageSize, randomOf(entry))) : null;
  const bytes = source.asBytes && changes ? { pixels: joined(kept, length), changes } : null;
  const images = new Float32Array(bytes ? 0 : kept.length * length);
  if (!bytes)
    kept.forEach((entry, i) => {
      const [out, change] = [images.subarray(i * length, (i + 1) * length), changes?.[i]];
      if (change) writeChanged(entry.pixels, source.transform, change, out);
      else writeTensor(entry.pixels, source.transform, randomOf(entry), out);
    });
  const few = changes && Number.isFinite(variantsOf(augment)) && viewing.corruption === undefined;
  const variants = few ? Uint8Array.from(changes, ({ mirrored }) => Number(mirrored)) : null;
  const statistics = kept.flatMap((entry) => entry.statistics ?? []);
  const notes: KeptNotes = source.kept ? keptPictures(source.kept).notes : new Map();
  const taken = Int32Array.from(kept, ({ position }) => position);
  return { images, ...(bytes && { bytes }), ...(variants && { variants }), positions: taken, statistics, unreadable, notes };
}

function joined(pictures: readonly { pixels: Uint8Array }[], length: number): Uint8Array {
  const all = new Uint8Array(pictures.length * length);
  for (const [i, { pixels }] of pictures.entries()) all.set(pixels, i * length);
  return all;
}

interface ReadPicture {
  pixels: Uint8Array;
  statistics?: PictureStatistics;
}

/** The resized picture, or why it cannot be read. Any other failure (an oblong picture) stops the run. */
async function readPicture(
  { paths, names, transform, kept }: PipelineSource,
  position: number,
  { corruption, statistics = false }: Viewing,
): Promise<ReadPicture | UnreadablePicture> {
  // What is kept are pictures as they are, without the size that they came in.
  const plain = corruption === undefined && !statistics;
  const path = paths[position];
  if (path === undefined) throw new RangeError(`position ${position} is outside the list of ${paths.length} pictures`);
  const disk = kept && plain ? keptPictures(kept) : null;
  // Looked at before it is decoded: what changes meanwhile is found changed next time.
  const stamp = disk && stampOf(path);
  const found = stamp && disk?.find(path, stamp);
  if (found) return { pixels: found };
  try {
    const decoded = await decodePicture(path);
    const picture = corruption ? corrupted(decoded, corruption, names[position] as string) : decoded;
    const pixels = toSquare(picture, transform, path);
    if (stamp) disk?.keep(path, stamp, pixels);
    return statistics ? { pixels, statistics: pictureStatistics(pixels, Math.min(picture.width, picture.height)) } : { pixels };
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
