/**
 * `uafer` in a browser: from a picture to expressions, wholly on the device. Pictures never leave it; what is fetched are the model and the
 * networks that find faces. Needs the package `onnxruntime-web` beside this one.
 *
 * @example
 * import { createPredictor } from 'uafer';
 *
 * const predictor = await createPredictor();
 * const { faces } = await predictor.predict(document.querySelector('img'));
 * for (const { expression, probabilities, uncertainty } of faces) {
 *   console.log(expression, probabilities[expression], uncertainty);
 * }
 * await predictor.close();
 *
 * @packageDocumentation
 */
import { UaferError } from '../errors.js';
import { createBlazeFace } from '../faces/blazeface.js';
import { eachRange } from '../faces/eachRange.js';
import { createMtcnn } from '../faces/mtcnn.js';
import type { Detector, DetectorName } from '../faces/types.js';
import { loadNetwork, type Network } from '../onnx/network.js';
import { type ModelFile, parseModelFile } from '../predict/modelFile.js';
import { createPredictorFrom, type Predictor as GenericPredictor } from '../predict/predictor.js';
import { decodePicture, type PictureInput } from './decode.js';
import { type Backend, loadRuntime, type Runtime } from './runtime.js';

export type Predictor = GenericPredictor<PictureInput>;

export interface PredictorOptions {
  /** Address of a folder that `uafer export` wrote; the model of the package when left out. */
  model?: string | URL;
  /** `blazeface` (the default) is many times faster, `mtcnn` finds smaller and more turned faces. */
  detector?: DetectorName;
  /**
   * Threads of WebAssembly, where the page is cross-origin isolated; else there is one. By default up to 4. All predictors of a page share the
   * number of the first.
   */
  threads?: number;
  /** WebGPU where there is a graphics card for it, else WebAssembly, when left out. */
  backend?: Backend;
}

/** Addresses that bundlers find: each is written out. */
const SHIPPED = {
  'model.json': new URL('../../models/default/model.json', import.meta.url),
  'model.onnx': new URL('../../models/default/model.onnx', import.meta.url),
  'blazeface-full': new URL('../../models/blazeface-full.onnx', import.meta.url),
  'blazeface-short': new URL('../../models/blazeface-short.onnx', import.meta.url),
  'mtcnn-pnet': new URL('../../models/mtcnn-pnet.onnx', import.meta.url),
  'mtcnn-rnet': new URL('../../models/mtcnn-rnet.onnx', import.meta.url),
  'mtcnn-onet': new URL('../../models/mtcnn-onet.onnx', import.meta.url),
} as const;

/**
 * Loads a model and makes ready to predict. Throws `DATA` for a model that is damaged, `DOWNLOAD` for a file that cannot be fetched,
 * `RUNTIME_NOT_FOUND` where neither WebGPU nor WebAssembly works.
 */
export async function createPredictor(options: PredictorOptions = {}): Promise<Predictor> {
  const { detector = 'blazeface' } = options;
  if (detector !== 'blazeface' && detector !== 'mtcnn')
    throw new UaferError('USAGE', `detector: expected blazeface or mtcnn, got ${JSON.stringify(detector)}.`);
  const [runtime, { model, network }] = await Promise.all([loadRuntime(options), loadModel(options.model)]);
  return createPredictorFrom<PictureInput>({
    model,
    network: await load(runtime, network, model.network.file),
    detector: () => loadDetector(runtime, detector),
    decode: decodePicture,
    backend: runtime.words,
  });
}

async function loadModel(folder: string | URL | undefined): Promise<{ model: ModelFile; network: Uint8Array }> {
  const base = folder === undefined ? null : new URL(`${String(folder).replace(/\/?$/, '/')}`, location.href);
  const address = base ? new URL('model.json', base) : SHIPPED['model.json'];
  const model = parseModelFile(new TextDecoder().decode(await fetched(address)), String(address));
  if (model.network.data)
    throw new UaferError(
      'DATA',
      `${address}: a network of over 2 GB cannot be loaded in a browser: export it in fp16 or int8.`,
    );
  const file = base ? new URL(model.network.file, base) : SHIPPED['model.onnx'];
  const network = await fetched(file);
  await check(network, model, String(file));
  return { model, network };
}

async function fetched(address: URL): Promise<Uint8Array> {
  try {
    const response = await fetch(address);
    if (!response.ok) throw new Error(`the server answered ${response.status} ${response.statusText}`);
    return new Uint8Array(await response.arrayBuffer());
  } catch (cause) {
    throw new UaferError('DOWNLOAD', `${address} could not be fetched: ${(cause as Error).message}`, { cause });
  }
}

/** Browsers hash for pages from https and from this machine alone; elsewhere the length must do. */
async function check(bytes: Uint8Array, { network }: ModelFile, file: string): Promise<void> {
  const same = bytes.length === network.bytes && (!crypto.subtle || (await sha256(bytes)) === network.sha256);
  if (same) return;
  throw new UaferError('DATA', `${file} is not the network of its model.json: copy or export the model again.`);
}

async function sha256(bytes: Uint8Array): Promise<string> {
  const hash = new Uint8Array(await crypto.subtle.digest('SHA-256', bytes as Uint8Array<ArrayBuffer>));
  return Array.from(hash, (byte) => byte.toString(16).padStart(2, '0')).join('');
}

function load({ runtime, providers, threads }: Runtime, bytes: Uint8Array, name: string): Promise<Network> {
  return loadNetwork(runtime, bytes, { name, threads, executionProviders: providers });
}

async function loadDetector(runtime: Runtime, name: DetectorName): Promise<Detector> {
  const shipped = async (file: keyof typeof SHIPPED) => load(runtime, await fetched(SHIPPED[file]), file);
  if (name === 'blazeface') {
    const ofRange = async (range: 'full' | 'short') => createBlazeFace(await shipped(`blazeface-${range}`), { range });
    return eachRange(await ofRange('full'), () => ofRange('short'));
  }
  const [proposal, refinement, output] = await Promise.all([
    shipped('mtcnn-pnet'),
    shipped('mtcnn-rnet'),
    shipped('mtcnn-onet'),
  ]);
  return createMtcnn({ proposal, refinement, output });
}

export { UaferError } from '../errors.js';
export type { Box, Face, LandmarkName, Landmarks, Point } from '../faces/types.js';
export type { Heatmap } from '../image/heatmap.js';
export { createSceneChange, type SceneChange } from '../image/sceneChange.js';
export type { Answer, Decision } from '../predict/answer.js';
export { type FusionOptions, fuseOverTime, type TimedAnswer } from '../predict/evidenceOverTime.js';
export {
  createFaceFollower,
  type FaceFollower,
  type FollowedFace,
  type FollowedFrame,
  type FollowOptions,
} from '../predict/followFaces.js';
export type { ModelFile } from '../predict/modelFile.js';
export type { FacePrediction, ManyPrediction, Prediction, PredictOptions } from '../predict/predictor.js';
export type { PictureInput } from './decode.js';
