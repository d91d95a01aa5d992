import { UaferError } from '../errors.js';
import type { Preprocessing } from '../image/preprocess.js';
import { shown } from '../shown.js';
import type { Changes, TransformOptions } from './augment.js';
import { type BatchPool, createBatchPool } from './batchPool.js';
import { type AugmentChoice, datasetRow, transformFor } from './datasets.js';
import { type KeptNotes, keptPicturesOptions, parseKeptSize } from './keptPictures.js';
import type { BatchJob, PixelBatch, Viewing } from './pipeline.js';
import { type Draw, drawOrder } from './sampler.js';
import { placesInBatch, type Shard } from './shard.js';
import type { Batch, Sample } from './types.js';
import { named, refuseUnreadable } from './unreadable.js';

/** The settings of a run that decide its batches; a `TrainConfig` has them all. */
export interface LoaderConfig {
  dataset: string;
  seed: number;
  /** Threads that decode and transform; 0 does it in the caller's thread. */
  workers: number;
  /** Whether batches hold `bytes` in place of images, where the augmentation allows. */
  asBytes?: boolean | undefined;
  optimizer: { batchSize: number; testBatchSize: number };
  data: {
    augment: AugmentChoice;
    shuffle: boolean;
    sampler: 'default' | 'uniform' | 'imbalanced';
    /** Draws with replacement by class frequency to the power of minus this, whatever `sampler` says. */
    samplerPower?: number | undefined;
    centerCrop?: boolean | undefined;
    allowUnreadable: boolean;
    /** What decoded pictures may take on the disk, as `parseKeptSize` reads it; off where nothing is said. */
    cachePictures?: string | undefined;
  };
}

/** The batches of one part of a data set, epoch after epoch. */
export interface BatchSource {
  /** Batches of an epoch; the last one may be smaller. */
  readonly batches: number;
  /** Why each picture that could not be read so far was left out, by path. */
  readonly unreadable: ReadonlyMap<string, string>;
  /** What there is to say so far about the pictures that are kept on the disk, a sentence a kind. */
  readonly notes: Readonly<KeptNotes>;
  /**
   * The batches of an epoch from `startBatch` on. What batch number k holds depends on the configuration, the epoch, `viewing` and k alone.
   *
   * @throws UaferError `DATA` for an oblong picture without centre crop; `IMAGE` when more than 1% of the pictures cannot be read and
   *   that is not allowed, or none of a training batch.
   */
  epoch(epoch: number, startBatch?: number, viewing?: Viewing): AsyncGenerator<Batch, void, undefined>;
  /**
   * Of a batch with pictures that cannot be read, this process's part as it is when one process makes the batch: with the pictures that step in
   * for those. What all processes do with such a batch.
   */
  remade(epoch: number, batch: number): Promise<Batch>;
  /** Takes over what other processes could not read. Throws `IMAGE` as `epoch` does. */
  learn(unreadable: Iterable<readonly [path: string, reason: string]>): void;
  /** Ends the threads. */
  close(): Promise<void>;
}

export interface BatchSourceOptions {
  samples: readonly Sample[];
  transform: TransformOptions;
  batchSize: number;
  draw: Draw;
  samplerPower?: number | undefined;
  seed: number;
  workers: number;
  allowUnreadable: boolean;
  /** Whether the pictures that follow in the epoch's order step in for unreadable ones (training) or not (evaluation). */
  substitute: boolean;
  /** Bytes that decoded and resized pictures may take on the disk; without any, each picture is decoded whenever it is needed. */
  keptBytes?: number;
  /** Whether batches hold `bytes` in place of images, where the augmentation allows. */
  asBytes?: boolean | undefined;
  /** Of several processes that take the pictures of every batch among them (training), or one batch after the other in turn (evaluation). */
  shard?: Shard | undefined;
}

const SUBSTITUTES = 8;

/**
 * Batches for training (`train`: the data set's order and augmentation as configured) or evaluation (`test`: the list's order, resize
 * only, batches of `testBatchSize`). `TrainConfig` serves as `config`.
 *
 * In training the pictures that follow in the epoch's order step in for one that cannot be read, so that batches stay whole; in
 * evaluation such a picture is left out.
 */
export function createLoader(
  samples: readonly Sample[],
  config: LoaderConfig,
  preprocessing: Preprocessing,
  part: 'train' | 'test',
  shard?: Shard,
): BatchSource {
  const train = part === 'train';
  const { augment, centerCrop, allowUnreadable, samplerPower, cachePictures = 'off' } = config.data;
  return createBatchSource({
    samples,
    transform: transformFor({ dataset: config.dataset, preprocessing, train, augment, centerCrop }),
    batchSize: train ? config.optimizer.batchSize : config.optimizer.testBatchSize,
    draw: train ? drawFor(config) : 'sequential',
    samplerPower,
    seed: config.seed,
    workers: config.workers,
    allowUnreadable,
    substitute: train,
    keptBytes: keptSize(cachePictures),
    asBytes: config.asBytes,
    shard,
  });
}

function keptSize(text: string): number {
  const bytes = parseKeptSize(text);
  if (bytes === null)
    throw new UaferError('USAGE', `cachePictures: expected a size such as 8GB or 500MB, or off, found ${shown(text)}`);
  return bytes;
}

/** The original draws AffectNet by inverse class frequency and shuffles RAF-DB; `shuffle: false` turns the data set's own way off. */
function drawFor({ dataset, data: { sampler, samplerPower, shuffle } }: LoaderConfig): Draw {
  if (samplerPower !== undefined) return 'balanced-power';
  if (sampler === 'imbalanced') return 'imbalanced';
  if (!shuffle) return 'sequential';
  return sampler === 'default' ? datasetRow(dataset).draw : 'shuffle';
}

/** Batches of any list of pictures; `createLoader` chooses the options for a run. */
export function createBatchSource(options: BatchSourceOptions): BatchSource {
  const { samples, transform, batchSize, seed, workers, keptBytes = 0, asBytes = false } = options;
  const paths = samples.map(({ path }) => path);
  const kept = keptBytes > 0 ? keptPicturesOptions(transform, keptBytes) : null;
  const names = samples.map(({ file }) => file);
  const pool = createBatchPool({ paths, names, transform, kept, seed, asBytes }, workers);
  const come: Come = { unreadable: new Map(), notes: new Map() };
  const { unreadable } = come;
  return {
    batches: Math.ceil(samples.length / batchSize),
    ...come,
    epoch: (epoch, startBatch = 0, viewing = {}) => batchesOf(options, pool, come, { epoch, startBatch, ...viewing }),
    remade: (epoch, batch) => remade(options, pool, come, epoch, batch),
    learn: (others) => {
      for (const [path, reason] of others) unreadable.set(path, reason);
      refuseUnreadable(samples.length, unreadable, options.allowUnreadable);
    },
    close: () => pool.close(),
  };
}

async function* batchesOf(
  options: BatchSourceOptions,
  pool: BatchPool,
  come: Come,
  { epoch, startBatch, ...viewing }: Viewing & { epoch: number; startBatch: number },
): AsyncGenerator<Batch, void, undefined> {
  const { samples, transform, batchSize, substitute, shard } = options;
  const jobs = jobsOf(orderOf(options, epoch), { size: batchSize, epoch, startBatch, substitute, viewing, shard });
  for await (const { pixels, part } of inOrder(jobs, pool)) {
    take(pixels, options, come);
    const { length } = pixels.positions;
    // Where several processes have parts of a batch, they see together to what is missing.
    const missing = part ? part.asked - length : 0;
    if (part) yield { ...toBatch(pixels, samples, transform), part: { counted: part.standsIn ? 0 : length, missing } };
    else if (length > 0) yield toBatch(pixels, samples, transform);
    else if (substitute) throw wholeBatchLost(come.unreadable);
  }
}

function orderOf({ samples, draw, samplerPower, seed }: BatchSourceOptions, epoch: number): Int32Array {
  const labels = samples.map(({ label }) => label);
  return drawOrder({ draw, labels, seed, epoch, ...(samplerPower === undefined ? {} : { samplerPower }) });
}

/** What has come up in the batches so far. */
interface Come {
  unreadable: Map<string, string>;
  notes: KeptNotes;
}

function take(pixels: PixelBatch, { samples, allowUnreadable }: BatchSourceOptions, { unreadable, notes }: Come): void {
  for (const [kind, text] of pixels.notes) if (!notes.has(kind)) notes.set(kind, text);
  for (const { path, reason } of pixels.unreadable) unreadable.set(path, reason);
  refuseUnreadable(samples.length, unreadable, allowUnreadable);
}

const wholeBatchLost = (unreadable: ReadonlyMap<string, string>) =>
  new UaferError('IMAGE', `No picture of a whole batch could be read: ${named(unreadable)}`);

async function remade(
  options: BatchSourceOptions,
  pool: BatchPool,
  come: Come,
  epoch: number,
  startBatch: number,
): Promise<Batch> {
  const { samples, transform, batchSize, substitute, shard } = options;
  const jobs = jobsOf(orderOf(options, epoch), {
    size: batchSize,
    epoch,
    startBatch,
    substitute,
    viewing: {},
    shard: undefined,
  });
  const pixels = await pool.make((jobs.next().value as Job).job);
  take(pixels, options, come);
  if (pixels.positions.length === 0) throw wholeBatchLost(come.unreadable);
  const places = shard ? placesInBatch(pixels.positions.length, shard) : Int32Array.from(pixels.positions, (_, i) => i);
  const chosen = places.length > 0 ? places : Int32Array.of(0);
  const part = { counted: places.length, missing: 0 };
  return { ...toBatch(rowsOf(pixels, chosen), samples, transform), part };
}

function rowsOf(batch: PixelBatch, places: Int32Array): PixelBatch {
  const { images, bytes, variants, positions } = batch;
  const rows = <Values extends Float32Array | Uint8Array>(values: Values, chosen: Values): Values => {
    const length = values.length / positions.length;
    places.forEach((place, i) => {
      chosen.set(values.subarray(place * length, (place + 1) * length), i * length);
    });
    return chosen;
  };
  const size = (values: Float32Array | Uint8Array) => (places.length * values.length) / positions.length;
  return {
    ...batch,
    images: rows(images, new Float32Array(size(images))),
    ...(bytes && {
      bytes: {
        pixels: rows(bytes.pixels, new Uint8Array(size(bytes.pixels))),
        changes: Array.from(places, (place) => bytes.changes[place] as Changes),
      },
    }),
    ...(variants && { variants: rows(variants, new Uint8Array(places.length)) }),
    positions: places.map((place) => positions[place] as number),
  };
}

interface Jobs {
  /** Pictures a batch. */
  size: number;
  epoch: number;
  startBatch: number;
  substitute: boolean;
  viewing: Viewing;
  shard: Shard | undefined;
}

interface Job {
  job: BatchJob;
  /** Of a part of a batch: how many pictures were asked for, and whether one stands in for none. */
  part: { asked: number; standsIn: boolean } | null;
}

function* jobsOf(order: Int32Array, options: Jobs): Generator<Job> {
  const { size, epoch, startBatch, substitute, viewing, shard } = options;
  for (let batch = startBatch, first = startBatch * size; first < order.length; batch += 1, first += size) {
    if (shard && !substitute && batch % shard.size !== shard.rank) continue;
    const positions = order.slice(first, first + size);
    if (shard && substitute) {
      yield partOf(positions, { epoch, first, ...viewing }, shard);
      continue;
    }
    const end = first + positions.length;
    const following = { length: substitute ? Math.min(SUBSTITUTES, order.length) : 0 };
    const substitutes = Int32Array.from(following, (_, i) => order[(end + i) % order.length] as number);
    yield { job: { epoch, positions, first, substitutes, ...viewing }, part: null };
  }
}

/** The pictures that a process takes of a batch; the first one stands in where there are none for it, since every process makes a step. */
function partOf(positions: Int32Array, job: Pick<BatchJob, 'epoch' | 'first'> & Viewing, shard: Shard): Job {
  const own = placesInBatch(positions.length, shard);
  const places = own.length > 0 ? own : Int32Array.of(0);
  const taken = places.map((place) => positions[place] as number);
  const part = { asked: places.length, standsIn: own.length === 0 };
  return { job: { ...job, positions: taken, places, substitutes: new Int32Array() }, part };
}

/** Results in the order of the jobs, with as many jobs under way as the pool wants ahead. */
async function* inOrder(jobs: Iterator<Job>, pool: BatchPool): AsyncGenerator<Pick<Job, 'part'> & { pixels: PixelBatch }> {
  const underWay: (Pick<Job, 'part'> & { batch: Promise<PixelBatch> })[] = [];
  const askNext = (): void => {
    const { value, done } = jobs.next();
    if (done) return;
    const batch = pool.make(value.job);
    // Its failure is thrown when its turn comes; until then, or if the consumer leaves earlier, it is no unhandled rejection.
    batch.catch(() => {});
    underWay.push({ batch, part: value.part });
  };
  for (let i = 0; i <= pool.ahead; i++) askNext();
  for (let next = underWay.shift(); next; next = underWay.shift()) {
    const pixels = await next.batch;
    if (pool.ahead > 0) askNext();
    yield { pixels, part: next.part };
    if (pool.ahead === 0) askNext();
  }
}

function toBatch(
  { images, bytes, variants, positions, statistics }: PixelBatch,
  samples: readonly Sample[],
  { imageSize, mean, deviation }: TransformOptions,
): Batch {
  const chosen = Array.from(positions, (position) => samples[position] as Sample);
  const batch: Batch = {
    images,
    ...(bytes && { bytes: { ...bytes, mean, deviation } }),
    shape: [chosen.length, 3, imageSize, imageSize],
    labels: BigInt64Array.from(chosen, ({ label }) => BigInt(label)),
    indices: positions,
    ...(variants && { variants }),
    ...(statistics.length > 0 && { statistics }),
  };
  const votes = chosen.flatMap((sample) => sample.votes ?? []);
  const everyVote = chosen.every((sample) => sample.votes !== undefined);
  return everyVote ? { ...batch, votes: Float32Array.from(votes) } : batch;
}
