/** The worker: the model and everything that touches pixels. The page only shows what comes from here. */
import ortScript from 'onnxruntime-web/ort-wasm-simd-threaded.mjs?url';
import ortBinary from 'onnxruntime-web/ort-wasm-simd-threaded.wasm?url';
import { env } from 'onnxruntime-web/wasm';
import { createPredictorOn, type ModelFiles, type Predictor } from '#uafer/browser/predictor.js';
import { loadWasm } from '#uafer/browser/wasm.js';
import { createSceneChange, type SceneChange } from '#uafer/image/sceneChange.js';
import { csv } from '#uafer/node/answerForms.js';
import { createFaceFollower, type FaceFollower } from '#uafer/predict/followFaces.js';
import { predictionLine } from '#uafer/predict/predictionLine.js';
import defaultDescription from '../../models/default/model.json?url';
import defaultNetwork from '../../models/default/model.onnx?url';
import { alignedFaces, marked, pixelsOf, thumbnailOf } from './drawing';
import type { FromWorker, Kind, ModelSummary, NamedPrediction, Requests, ToWorker } from './messages';
import { modelFilesOf } from './modelFiles';

/** Side of a shown face, in pixels: sharp on screens of two pixels a point. */
const CROP = 320;
/** What a change of scene is looked for in. */
const SCENE = { width: 96, height: 64 };

const port = self as unknown as {
  postMessage(message: FromWorker, transfer?: Transferable[]): void;
  onmessage: ((event: MessageEvent<ToWorker>) => void) | null;
};

let predictor: Predictor | undefined;
/** Of the clip or camera that is shown; started anew where it doesn't go on. */
let clip: { follower: FaceFollower; sceneChange: SceneChange; firstTrack: number; lastTrack: number } | undefined;

const opened = (): Predictor => {
  if (!predictor) throw new Error('No model is open.');
  return predictor;
};

const handlers: { [K in Kind]: (ask: Requests[K]['ask']) => Promise<Requests[K]['answer']> } = {
  async open({ files: own, detector }) {
    const [binary, files] = await withProgress(own && (await modelFilesOf(own)));
    env.wasm.wasmBinary = binary;
    env.wasm.wasmPaths = { mjs: absolute(ortScript), wasm: absolute(ortBinary) };
    predictor = await createPredictorOn(loadWasm(undefined), { model: files, detector });
    // A picture of nothing: everything that detection and the network need is loaded now, and nothing later.
    const blank = new ImageData(256, 256);
    await predictor.predict(blank);
    await predictor.predict(blank, { aligned: true });
    return { model: summaryOf(predictor), backend: predictor.backend };
  },
  async photo({ file }) {
    const bitmap = await decoded(file);
    try {
      const prediction = await opened().predict(bitmap, { heatmap: true });
      const crops = await Promise.all(alignedFaces(bitmap, prediction.faces, CROP).map((canvas) => canvas.convertToBlob()));
      return { prediction, crops, thumbnail: await thumbnailOf(bitmap) };
    } finally {
      bitmap.close();
    }
  },
  async frame({ bitmap, time, restart }) {
    try {
      const { model, predict } = opened();
      const prediction = await predict(bitmap, { heatmap: true });
      const firstTrack = clip ? clip.lastTrack : 0;
      if (!clip || restart)
        clip = { follower: createFaceFollower(model), sceneChange: createSceneChange(), firstTrack, lastTrack: firstTrack };
      const { follower, sceneChange, firstTrack: before } = clip;
      const followed = follower.add(prediction, time, sceneChange(pixelsOf(bitmap, SCENE.width, SCENE.height), time));
      // Numbers go on after a jump: they mean other faces.
      const faces = followed.faces.map((face) => ({ ...face, track: face.track + before }));
      clip.lastTrack = Math.max(clip.lastTrack, ...faces.map(({ track }) => track));
      const crops = alignedFaces(bitmap, faces, CROP).map((canvas) => canvas.transferToImageBitmap());
      return { width: bitmap.width, height: bitmap.height, faces, crops };
    } finally {
      bitmap.close();
    }
  },
  async draw({ file, marks }) {
    const bitmap = await decoded(file);
    try {
      return { picture: await marked(bitmap, marks) };
    } finally {
      bitmap.close();
    }
  },
  async text({ form, results }) {
    return { text: form === 'json' ? jsonOf(results) : csvOf(results, opened().model.classes) };
  },
};

/** One after the other: the memory of a picture is given back before the next one is taken. */
let before: Promise<unknown> = Promise.resolve();
port.onmessage = ({ data }) => {
  before = before.then(() => answer(data));
};

async function answer({ id, kind, ask }: ToWorker): Promise<void> {
  try {
    const handler = handlers[kind] as (ask: unknown) => Promise<Requests[Kind]['answer']>;
    const made = await handler(ask);
    port.postMessage({ kind: 'answer', id, answer: made }, kind === 'frame' ? (made as Requests['frame']['answer']).crops : []);
  } catch (error) {
    port.postMessage({ kind: 'failure', id, message: (error as Error).message });
  }
}

async function decoded(file: Blob): Promise<ImageBitmap> {
  try {
    return await createImageBitmap(file, { imageOrientation: 'from-image' });
  } catch {
    throw new Error('This browser cannot read it as a picture. JPEG, PNG, WebP, AVIF and GIF work.');
  }
}

const absolute = (address: string) => new URL(address, location.href).href;

/** The runtime and the built-in model, telling how far they have come. */
async function withProgress(model: ModelFiles | null): Promise<[ArrayBuffer, ModelFiles]> {
  const bytes = new Map<string, { done: number; total: number }>();
  const tell = () => {
    const all = [...bytes.values()];
    const sum = (of: 'done' | 'total') => all.reduce((total, each) => total + each[of], 0);
    port.postMessage({ kind: 'progress', done: sum('done'), total: sum('total') });
  };
  const load = (address: string) =>
    download(address, (done, total) => {
      bytes.set(address, { done, total });
      tell();
    });
  const [binary, description, network] = await Promise.all([
    load(ortBinary),
    model?.description ?? load(defaultDescription),
    model?.network ?? load(defaultNetwork),
  ]);
  return [await binary.arrayBuffer(), { description, network }];
}

async function download(address: string, tell: (done: number, total: number) => void): Promise<Blob> {
  const response = await fetch(absolute(address));
  if (!response.ok || !response.body)
    throw new Error(`${address} could not be fetched: the server answered ${response.status}.`);
  const length = Number(response.headers.get('Content-Length')) || 0;
  const parts: BlobPart[] = [];
  let done = 0;
  const reader = response.body.getReader();
  for (let read = await reader.read(); !read.done; read = await reader.read()) {
    parts.push(read.value);
    done += read.value.length;
    // A server that compresses tells the length of what it sends.
    tell(done, Math.max(length, done));
  }
  return new Blob(parts);
}

function summaryOf({ model }: Predictor): ModelSummary {
  const { name, classes, preprocessing, network, licence, calibration } = model;
  return {
    name,
    classes,
    imageSize: preprocessing.imageSize,
    grey: preprocessing.colour === 'grey',
    bytes: network.bytes,
    precision: network.precision,
    licence,
    fittedOn: calibration?.fittedOn ?? null,
    decision: calibration?.decision ?? null,
    measured: calibration?.measured ?? null,
  };
}

/** The lines that `uafer predict --json` prints, as one list. */
function jsonOf(results: readonly NamedPrediction[]): string {
  const lines = results.map((result) =>
    'error' in result ? { file: result.file, error: result.error } : predictionLine(result.file, result.prediction),
  );
  return `${JSON.stringify(lines, null, 1)}\n`;
}

/** The table that `uafer predict --csv` writes. */
function csvOf(results: readonly NamedPrediction[], classes: readonly string[]): string {
  const { head, text } = csv(classes);
  return head + results.map(text).join('');
}
