/** From the bytes of pictures to predictions, for many who ask at once: what is accepted, how it is decoded and gathered. HTTP is elsewhere. */
import { UaferError } from '../errors.js';
import { type Prediction, type PredictOptions, pictureError } from '../predict/predictor.js';
import { createBudget } from './budget.js';
import { createGatherer } from './gather.js';
import { claimedPixels, requirePicture } from './pictureHeader.js';
import { errorOf, startPredictors } from './predictors.js';
import type { PictureAnswer, PictureJob, PredictorFacts } from './predictProcess.js';
import { Problem } from './problems.js';
import type { ServeSettings } from './settings.js';

/** A prediction of a picture, or what is wrong with it (`IMAGE`, `LIMIT`). */
export type Outcome = { prediction: Prediction } | { error: UaferError };

/** What is told of the work, for metrics. */
export interface ServiceWatcher {
  batch(pictures: number, faces: number, seconds: number): void;
  stage(name: 'wait' | 'predict', seconds: number): void;
  /** A process that predicts has ended by itself. */
  ended(reason: string): void;
}

export interface Service extends PredictorFacts {
  /**
   * Predicts pictures, in their order. Throws a `busy` problem when the queue is full, and the signal's reason when it is aborted: what has not
   * begun by then frees its place.
   */
  predict(pictures: readonly Buffer[], options: PredictOptions, signal: AbortSignal): Promise<Outcome[]>;
  /** Throws the `busy` problem that `predict` would throw now. */
  requirePlace(pictures: number): void;
  /** Pictures that are accepted and not answered yet. */
  readonly waiting: number;
  /** Whether its processes do what they are given: false when one has hung, or none is there. */
  readonly healthy: boolean;
  /** Ends its processes after the work in hand. */
  close(): Promise<void>;
}

/** Seconds in which one picture must be decoded. */
const DECODE_SECONDS = 10;
/** Pixels of pictures that are decoded and predicted at a time, in pictures of the largest size: bounds memory (3 bytes a pixel). */
const DECODED_PICTURES = 1.25;
/** Batches take much less; a process that is still at one is stuck. */
const HUNG_MS = 120_000;
const LONGEST_RETRY = 60;
/** Batches that a process has at a time: while the network works on one, the pictures of the next are decoded. */
const BATCHES_AHEAD = 2;

/** Loads the model in processes of its own and makes ready. Throws as `createPredictor` does. */
export async function createService(settings: ServeSettings, watcher: ServiceWatcher): Promise<Service> {
  const { limits, batching } = settings;
  const predictors = await startPredictors({
    predictor: settings.predictor,
    count: batching.workers,
    onEnd: watcher.ended,
  });
  const memory = createBudget(DECODED_PICTURES * limits.pixels);
  let waiting = 0;
  let secondsAPicture = 0;

  const run = async (jobs: PictureJob[]): Promise<PictureAnswer[]> => {
    const begin = performance.now();
    const answers = await predictors.run(jobs);
    const seconds = (performance.now() - begin) / 1000;
    // A mean that forgets: what a picture takes when the queue is full tells when to come again.
    const share = seconds / (BATCHES_AHEAD * jobs.length);
    secondsAPicture = secondsAPicture === 0 ? share : 0.8 * secondsAPicture + 0.2 * share;
    const faces = answers.reduce((sum, answer) => sum + ('prediction' in answer ? answer.prediction.faces.length : 0), 0);
    watcher.batch(jobs.length, faces, seconds);
    return answers;
  };
  const gatherer = createGatherer<PictureJob, PictureAnswer>({
    run,
    most: batching.most,
    waitMs: batching.waitMs,
    lanes: BATCHES_AHEAD * batching.workers,
    moreThan: (items) => waiting > items,
  });

  const predictOne = async (bytes: Buffer, options: PredictOptions, signal: AbortSignal): Promise<Outcome> => {
    const begin = performance.now();
    try {
      requirePicture(bytes);
      const release = await memory.take(claimedPixels(bytes) ?? limits.pixels, signal);
      try {
        watcher.stage('wait', (performance.now() - begin) / 1000);
        const gathered = performance.now();
        const job = { bytes, ...options, mostPixels: limits.pixels, mostFaces: limits.faces, seconds: DECODE_SECONDS };
        const answer = await gatherer.add(job, signal);
        watcher.stage('predict', (performance.now() - gathered) / 1000);
        return 'prediction' in answer ? answer : { error: pictureFailure(answer.error) };
      } finally {
        release();
      }
    } catch (error) {
      return { error: pictureError(error) };
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
    model: predictors.model,
    backend: predictors.backend,
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
      return predictors.alive && gatherer.longest() < HUNG_MS;
    },
    close: predictors.close,
  };
}

/** What is wrong with a picture; throws a fault of ours. */
function pictureFailure(parts: Parameters<typeof errorOf>[0]): UaferError {
  const error = errorOf(parts);
  if (error instanceof UaferError) return error;
  throw error;
}
