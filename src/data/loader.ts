import { UaferError } from '../errors.js';
import type { Preprocessing } from '../image/preprocess.js';
import type { TransformOptions } from './augment.js';
import { type BatchPool, createBatchPool } from './batchPool.js';
import { type AugmentChoice, datasetRow, transformFor } from './datasets.js';
import type { BatchJob, PixelBatch, Viewing } from './pipeline.js';
import { createPixelCache } from './pixelCache.js';
import { type Draw, drawOrder } from './sampler.js';
import type { Batch, Sample } from './types.js';
import { named, refuseUnreadable } from './unreadable.js';

/** The settings of a run that decide its batches; a `TrainConfig` has them all. */
export interface LoaderConfig {
  dataset: string;
  seed: number;
  /** Threads that decode and transform; 0 does it in the caller's thread. */
  workers: number;
  optimizer: { batchSize: number; testBatchSize: number };
  data: {
    augment: AugmentChoice;
    shuffle: boolean;
    sampler: 'default' | 'uniform' | 'imbalanced';
    /** Draws with replacement by class frequency to the power of minus this, whatever `sampler` says. */
    samplerPower?: number | undefined;
    centerCrop?: boolean | undefined;
    allowUnreadable: boolean;
  };
}

/** The batches of one part of a data set, epoch after epoch. */
export interface BatchSource {
  /** Batches of an epoch; the last one may be smaller. */
  readonly batches: number;
  /** Why each picture that could not be read so far was left out, by path. */
  readonly unreadable: ReadonlyMap<string, string>;
  /**
   * The batches of an epoch from `startBatch` on. What batch number k holds depends on the configuration, the epoch, `viewing` and k alone.
   *
   * @throws UaferError `DATA` for an oblong picture without centre crop; `IMAGE` when more than 1% of the pictures cannot be read and
   *   that is not allowed, or none of a training batch.
   */
  epoch(epoch: number, startBatch?: number, viewing?: Viewing): AsyncGenerator<Batch, void, undefined>;
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
  /** Bytes of resized pictures that are kept for later epochs. */
  cacheBytes?: number;
}

/** Enough for all of FER+ at 48 pixels (0.2 GB), or for 7,000 pictures of 224. */
const CACHE_BYTES = 2 ** 30;
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
): BatchSource {
  const train = part === 'train';
  const { augment, centerCrop, allowUnreadable, samplerPower } = config.data;
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
  });
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
  const { samples, transform, batchSize, seed, workers, cacheBytes = CACHE_BYTES } = options;
  const paths = samples.map(({ path }) => path);
  const cache = createPixelCache(samples.length, 3 * transform.imageSize ** 2, cacheBytes);
  const names = samples.map(({ file }) => file);
  const pool = createBatchPool({ paths, names, transform, cache, seed }, workers);
  const unreadable = new Map<string, string>();
  return {
    batches: Math.ceil(samples.length / batchSize),
    unreadable,
    epoch: (epoch, startBatch = 0, viewing = {}) => batchesOf(options, pool, unreadable, { epoch, startBatch, ...viewing }),
    close: () => pool.close(),
  };
}

async function* batchesOf(
  options: BatchSourceOptions,
  pool: BatchPool,
  unreadable: Map<string, string>,
  { epoch, startBatch, ...viewing }: Viewing & { epoch: number; startBatch: number },
): AsyncGenerator<Batch, void, undefined> {
  const { samples, draw, samplerPower, seed, transform, batchSize, substitute } = options;
  const labels = samples.map(({ label }) => label);
  const order = drawOrder({ draw, labels, seed, epoch, ...(samplerPower === undefined ? {} : { samplerPower }) });
  const jobs = jobsOf(order, { size: batchSize, epoch, startBatch, substitute, viewing });
  for await (const pixels of inOrder(jobs, pool)) {
    for (const { path, reason } of pixels.unreadable) unreadable.set(path, reason);
    refuseUnreadable(samples.length, unreadable, options.allowUnreadable);
    if (pixels.positions.length > 0) yield toBatch(pixels, samples, transform.imageSize);
    else if (substitute) throw new UaferError('IMAGE', `No picture of a whole batch could be read: ${named(unreadable)}`);
  }
}

interface Jobs {
  /** Pictures a batch. */
  size: number;
  epoch: number;
  startBatch: number;
  substitute: boolean;
  viewing: Viewing;
}

function* jobsOf(order: Int32Array, { size, epoch, startBatch, substitute, viewing }: Jobs): Generator<BatchJob> {
  for (let first = startBatch * size; first < order.length; first += size) {
    const positions = order.slice(first, first + size);
    const end = first + positions.length;
    const following = { length: substitute ? Math.min(SUBSTITUTES, order.length) : 0 };
    const substitutes = Int32Array.from(following, (_, i) => order[(end + i) % order.length] as number);
    yield { epoch, positions, first, substitutes, ...viewing };
  }
}

/** Results in the order of the jobs, with as many jobs under way as the pool wants ahead. */
async function* inOrder(jobs: Iterator<BatchJob>, pool: BatchPool): AsyncGenerator<PixelBatch> {
  const underWay: Promise<PixelBatch>[] = [];
  const askNext = (): void => {
    const { value, done } = jobs.next();
    if (done) return;
    const batch = pool.make(value);
    // Its failure is thrown when its turn comes; until then, or if the consumer leaves earlier, it is no unhandled rejection.
    batch.catch(() => {});
    underWay.push(batch);
  };
  for (let i = 0; i <= pool.ahead; i++) askNext();
  for (let batch = underWay.shift(); batch; batch = underWay.shift()) {
    const made = await batch;
    if (pool.ahead > 0) askNext();
    yield made;
    if (pool.ahead === 0) askNext();
  }
}

function toBatch({ images, positions, statistics }: PixelBatch, samples: readonly Sample[], imageSize: number): Batch {
  const chosen = Array.from(positions, (position) => samples[position] as Sample);
  const batch: Batch = {
    images,
    shape: [chosen.length, 3, imageSize, imageSize],
    labels: BigInt64Array.from(chosen, ({ label }) => BigInt(label)),
    indices: positions,
    ...(statistics.length > 0 && { statistics }),
  };
  const votes = chosen.flatMap((sample) => sample.votes ?? []);
  const everyVote = chosen.every((sample) => sample.votes !== undefined);
  return everyVote ? { ...batch, votes: Float32Array.from(votes) } : batch;
}
