/**
 * A process that decodes pictures and predicts. Started by `predictors.ts`, whose messages it answers. Networks may block it, and a decoder may bring it
 * down, while the service goes on; and the native runtime can be loaded by one thread of a process alone.
 */
import { decodeBytes } from '../codec/decode.js';
import { loadSharp } from '../codec/sharp.js';
import { type ErrorCode, UaferError } from '../errors.js';
import type { ModelFile } from '../predict/modelFile.js';
import { createPredictorFrom, type Prediction, type PredictOptions, type Predictor } from '../predict/predictor.js';
import { loadPredictorParts, type PredictorOptions } from '../runtime/predictorParts.js';
import { reasonOf, systemFailure } from '../systemErrors.js';

/** A picture's file, what is asked of it, and what it may cost. */
export interface PictureJob extends PredictOptions {
  bytes: Uint8Array;
  mostPixels: number;
  seconds: number;
}

/** The first message loads a model, the others predict. */
export type ToPredictor = { id: number } & ({ load: PredictorOptions } | { jobs: PictureJob[] });

export interface PredictorFacts {
  model: ModelFile;
  backend: string;
}

/** An error by its parts: its class would be lost between processes. */
export interface ErrorParts {
  code: ErrorCode | null;
  message: string;
}

export type PictureAnswer = { prediction: Prediction } | { error: ErrorParts };

export type FromPredictor = { id: number } & (
  | { facts: PredictorFacts }
  | { answers: PictureAnswer[] }
  | { failure: ErrorParts }
);

type File = Omit<PictureJob, keyof PredictOptions>;

let predictor: Predictor<File> | undefined;

/** Everything is loaded, and has run once: the first request is not slower than others. */
async function load(options: PredictorOptions): Promise<PredictorFacts> {
  const parts = await loadPredictorParts(options);
  predictor = createPredictorFrom<File>({
    ...parts,
    decode: ({ bytes, ...limits }, { stored }) => decodeBytes(bytes, 'The picture', { ...limits, upright: !stored }),
  });
  await predictor.predictTogether([{ input: await greyPicture() }, { input: await greyPicture(), aligned: true }]);
  return { model: parts.model, backend: parts.backend };
}

const SIDE = 64;

async function greyPicture(): Promise<File> {
  const sharp = await loadSharp();
  const create = { width: SIDE, height: SIDE, channels: 3, background: 'grey' } as const;
  return { bytes: await sharp({ create }).png().toBuffer(), mostPixels: SIDE * SIDE, seconds: 0 };
}

async function predict(jobs: readonly PictureJob[]): Promise<PictureAnswer[]> {
  const requests = jobs.map(({ bytes, mostPixels, seconds, ...options }) => ({
    input: { bytes, mostPixels, seconds },
    ...options,
  }));
  const answers = await (predictor as Predictor<File>).predictTogether(requests);
  return answers.map((answer) => (answer instanceof UaferError ? { error: partsOf(answer) } : { prediction: answer }));
}

function partsOf(error: unknown): ErrorParts {
  const known = error instanceof UaferError ? error : systemFailure(error);
  return known ? { code: known.code, message: known.message } : { code: null, message: reasonOf(error) };
}

async function answer(message: ToPredictor): Promise<void> {
  const send = (rest: { facts: PredictorFacts } | { answers: PictureAnswer[] } | { failure: ErrorParts }) => {
    // Where the service has gone in between, this process ends too (below): nobody misses the answer.
    process.send?.({ id: message.id, ...rest } satisfies FromPredictor, undefined, undefined, () => {});
  };
  try {
    send('load' in message ? { facts: await load(message.load) } : { answers: await predict(message.jobs) });
  } catch (error) {
    send({ failure: partsOf(error) });
  }
}

// A terminal sends Ctrl-C to all processes: the service says when this one ends, or is gone itself.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => {});
process.on('disconnect', () => process.exit());
process.on('message', (message: ToPredictor) => void answer(message));
