/** From the bytes of pictures to predictions, for many who ask at once: what is accepted, how it is decoded and gathered. HTTP is elsewhere. */
import { availableParallelism } from 'node:os';
import { UaferError } from '../errors.js';
import type { Picture } from '../image/picture.js';
import type { Prediction, PredictionRequest, PredictOptions } from '../predict/predictor.js';
import { createThreads } from '../threads.js';
import { createBudget } from './budget.js';
import type { DecodeJob } from './decodeThread.js';
import { createGatherer } from './gather.js';
import { claimedPixels, requirePicture } from './pictureHeader.js';
import type { PictureAnswer, PredictJob, PredictorFacts, PredictResult } from './predictThread.js';
import { Problem } from './problems.js';
import type { ServeSettings } from './settings.js';

/** A prediction of a picture, or what is wrong with it (`IMAGE`, `LIMIT`). */
export type Outcome = { prediction: Prediction } | { error: UaferError };

/** What is told of the work, for metrics. */
export interface ServiceWatcher {
  batch(pictures: number, faces: number, seconds: number): void;
  stage(name: 'wait' | 'decode' | 'predict', seconds: number): void;
}

export interface Service extends PredictorFacts {
  /**
   * Predicts pictures, in their order. Throws a `busy` problem when the queue is full, and the signal's reason when it is aborted: what has not
   * begun by then frees its place.
   */
  predict(pictures: readonly Uint8Array[], options: PredictOptions, signal: AbortSignal): Promise<Outcome[]>;
  /** Throws the `busy` problem that `predict` would throw now. */
  requirePlace(pictures: number): void;
  /** Pictures that are accepted and not answered yet. */
  readonly waiting: number;
  /** Whether its threads do what they are given: false when one has hung. */
  readonly healthy: boolean;
  /** Ends its threads after the work in hand. */
  close(): Promise<void>;
}

const MOST_DECODERS = 4;
/** Seconds in which one picture must be decoded. */
const DECODE_SECONDS = 10;
/** Pixels that are decoded and not predicted yet, in pictures of the largest size: bounds memory (3 bytes a pixel). */
const DECODED_PICTURES = 1.25;
/** Batches take much less; a thread that is still at one is stuck. */
const HUNG_MS = 120_000;
const LONGEST_RETRY = 60;

/** Loads the model in threads of its own and makes ready. Throws as `createPredictor` does. */
export async function createService(settings: ServeSettings, watcher: ServiceWatcher): Promise<Service> {
  const { limits, batching } = settings;
  const decoders = createThreads<DecodeJob, Picture>({
    module: new URL('decodeThread.js', import.meta.url),
    count: Math.min(MOST_DECODERS, availableParallelism()),
    data: null,
  });
  const predictors = createThreads<PredictJob, PredictResult>({
    module: new URL('predictThread.js', import.meta.url),
    count: batching.workers,
    data: settings.predictor,
  });
  const close = async () => {
    await Promise.all([decoders.close(), predictors.close()]);
  };
  const facts = await Promise.all(Array.from({ length: batching.workers }, () => predictors.run(null))).catch(async (error) => {
    await close();
    throw error;
  });
  const memory = createBudget(DECODED_PICTURES * limits.pixels);
  let waiting = 0;
  let secondsAPicture = 0;

  const run = async (requests: PredictionRequest<Picture>[]): Promise<PictureAnswer[]> => {
    const begin = performance.now();
    const pixels = requests.map(({ input }) => input.data.buffer as ArrayBuffer);
    const { answers } = (await predictors.run(requests, pixels)) as { answers: PictureAnswer[] };
    const seconds = (performance.now() - begin) / 1000;
    // A mean that forgets: what a picture takes when the queue is full tells when to come again.
    secondsAPicture =
      secondsAPicture === 0 ? seconds / requests.length : 0.8 * secondsAPicture + (0.2 * seconds) / requests.length;
    const faces = answers.reduce((sum, answer) => sum + ('prediction' in answer ? answer.prediction.faces.length : 0), 0);
    watcher.batch(requests.length, faces, seconds);
    return answers;
  };
  const gatherer = createGatherer<PredictionRequest<Picture>, PictureAnswer>({
    run,
    most: batching.most,
    waitMs: batching.waitMs,
    lanes: batching.workers,
    moreThan: (items) => waiting > items,
  });

  const decode = async (bytes: Uint8Array, options: PredictOptions): Promise<Picture> => {
    const begin = performance.now();
    const memoryOfFile = bytes.buffer as ArrayBuffer;
    const { pixels: mostPixels } = limits;
    const job = { bytes, upright: !options.aligned, mostPixels, seconds: DECODE_SECONDS };
    const picture = await decoders.run(job, bytes.byteLength === memoryOfFile.byteLength ? [memoryOfFile] : []);
    watcher.stage('decode', (performance.now() - begin) / 1000);
    return picture;
  };
  const predictOne = async (bytes: Uint8Array, options: PredictOptions, signal: AbortSignal): Promise<Outcome> => {
    const begin = performance.now();
    try {
      const head = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
      requirePicture(head);
      const release = await memory.take(claimedPixels(head) ?? limits.pixels, signal);
      try {
        watcher.stage('wait', (performance.now() - begin) / 1000);
        const input = await decode(bytes, options);
        const decoded = performance.now();
        const answer = await gatherer.add({ input, ...options, mostFaces: limits.faces }, signal);
        watcher.stage('predict', (performance.now() - decoded) / 1000);
        return 'prediction' in answer ? answer : { error: new UaferError(answer.code, answer.message) };
      } finally {
        release();
      }
    } catch (error) {
      if (error instanceof UaferError && (error.code === 'IMAGE' || error.code === 'LIMIT')) return { error };
      throw error;
    } finally {
      waiting--;
    }
  };
  const requirePlace = (pictures: number) => {
    if (waiting + pictures <= limits.queue) return;
    const seconds = Math.min(LONGEST_RETRY, Math.max(1, Math.ceil((waiting * secondsAPicture) / batching.workers)));
    throw new Problem(
      'busy',
      `${waiting} pictures wait already, and ${limits.queue} are the most. Ask again in ${seconds} s.`,
      {
        'retry-after': String(seconds),
      },
    );
  };
  return {
    ...(facts[0] as { facts: PredictorFacts }).facts,
    async predict(pictures, options, signal) {
      requirePlace(pictures.length);
      waiting += pictures.length;
      return Promise.all(pictures.map((bytes) => predictOne(bytes, options, signal)));
    },
    requirePlace,
    get waiting() {
      return waiting;
    },
    get healthy() {
      return gatherer.longest() < HUNG_MS;
    },
    close,
  };
}
