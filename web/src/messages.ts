/** What the page and its worker say to each other. */
import type { DetectorName } from '#uafer/faces/types.js';
import type { Answer } from '#uafer/predict/answer.js';
import type { FollowedFace } from '#uafer/predict/followFaces.js';
import type { ModelFile } from '#uafer/predict/modelFile.js';
import type { FacePrediction, Prediction } from '#uafer/predict/predictor.js';

/** What of a model the page shows. */
export interface ModelSummary {
  name: string;
  classes: readonly string[];
  imageSize: number;
  grey: boolean;
  bytes: number;
  precision: string;
  licence: string;
  fittedOn: string | null;
  decision: NonNullable<ModelFile['calibration']>['decision'];
  measured: NonNullable<NonNullable<ModelFile['calibration']>['measured']> | null;
}

/** A face's box and caption on a saved picture. */
export interface Mark {
  box: FacePrediction['box'];
  caption: string;
  decision: Answer['decision'];
}

/** Each request has its answer. `files` are those of a person's own model; null asks for the built-in one. */
export interface Requests {
  open: { ask: { files: File[] | null; detector: DetectorName }; answer: { model: ModelSummary; backend: string } };
  photo: { ask: { file: Blob }; answer: { prediction: Prediction; crops: Blob[]; thumbnail: Blob } };
  frame: {
    ask: { bitmap: ImageBitmap; time: number; restart: boolean };
    /** The aligned faces in the order of the faces. */
    answer: { width: number; height: number; faces: FollowedFace[]; crops: ImageBitmap[] };
  };
  draw: { ask: { file: Blob; marks: Mark[] }; answer: { picture: Blob } };
  text: { ask: { form: 'json' | 'csv'; results: NamedPrediction[] }; answer: { text: string } };
}

export type NamedPrediction = { file: string } & ({ prediction: Prediction } | { error: string });

export type Kind = keyof Requests;

export type ToWorker = { [K in Kind]: { id: number; kind: K; ask: Requests[K]['ask'] } }[Kind];

export type FromWorker =
  | { kind: 'progress'; done: number; total: number }
  | { kind: 'answer'; id: number; answer: Requests[Kind]['answer'] }
  | { kind: 'failure'; id: number; message: string };
