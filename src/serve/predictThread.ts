/** A thread that predicts: networks may block it for as long as they take, while the service goes on answering. Started by `service.ts`. */
import { workerData } from 'node:worker_threads';
import { type ErrorCode, UaferError } from '../errors.js';
import type { Picture } from '../image/picture.js';
import type { ModelFile } from '../predict/modelFile.js';
import { createPredictorFrom, type Prediction, type PredictionRequest, type Predictor } from '../predict/predictor.js';
import { loadPredictorParts, type PredictorOptions } from '../runtime/predictorParts.js';
import { inThread } from '../threads.js';

/** What to predict; nothing asks the thread to make itself ready and to say what it is. */
export type PredictJob = PredictionRequest<Picture>[] | null;

export interface PredictorFacts {
  model: ModelFile;
  backend: string;
}

/** A prediction, or an error by its parts: its class would be lost between threads. */
export type PictureAnswer = { prediction: Prediction } | { code: ErrorCode; message: string };

export type PredictResult = { facts: PredictorFacts } | { answers: PictureAnswer[] };

let loading: Promise<Predictor<Picture>> | undefined;

export const work = inThread(async (job: PredictJob): Promise<PredictResult> => {
  loading ??= load();
  const predictor = await loading;
  if (job === null) return { facts: await ready(predictor) };
  const answers = await predictor.predictTogether(job);
  return {
    answers: answers.map((answer) =>
      answer instanceof UaferError ? { code: answer.code, message: answer.message } : { prediction: answer },
    ),
  };
});

async function load(): Promise<Predictor<Picture>> {
  const parts = await loadPredictorParts(workerData as PredictorOptions);
  return createPredictorFrom({ ...parts, decode: async (picture: Picture) => picture });
}

const SIDE = 64;

/** Everything is loaded, and has run once: the first request is not slower than others. */
async function ready(predictor: Predictor<Picture>): Promise<PredictorFacts> {
  const input: Picture = { data: new Uint8Array(3 * SIDE * SIDE).fill(128), width: SIDE, height: SIDE };
  await predictor.predictTogether([{ input }, { input, aligned: true }]);
  return { model: predictor.model, backend: predictor.backend };
}
