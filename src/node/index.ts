/**
 * `uafer`: from a photo to expressions, in Node.js. Nothing but files and memory is touched: no network, no telemetry, no training engine.
 *
 * @example
 * import { createPredictor } from 'uafer';
 *
 * const predictor = await createPredictor();
 * const { faces } = await predictor.predict('photo.jpg');
 * for (const { expression, probabilities, uncertainty } of faces) {
 *   console.log(expression, probabilities[expression], uncertainty);
 * }
 * await predictor.close();
 *
 * @packageDocumentation
 */
import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import { decodeBytes, decodePicture } from '../codec/decode.js';
import { UaferError } from '../errors.js';
import type { Detector, DetectorName } from '../faces/types.js';
import type { Picture } from '../image/picture.js';
import { loadNetwork } from '../onnx/network.js';
import { createPredictorFrom, type Predictor as GenericPredictor } from '../predict/predictor.js';
import { createPhotoDetector } from '../runtime/detectors.js';
import { defaultModel, modelFolder, readModelFolder } from '../runtime/modelFolder.js';
import { type Backend, loadOnnxRuntime } from '../runtime/onnxRuntime.js';
import type { RawPicture } from './rawPicture.js';

/** A picture: a path, a URL of a file, a file's bytes, or pixels. */
export type PictureInput = string | URL | Uint8Array | RawPicture;

export type Predictor = GenericPredictor<PictureInput>;

export interface PredictorOptions {
  /** A folder that `uafer export` wrote, or the name of a model that `uafer download` fetched; the model of the package when left out. */
  model?: string;
  /** `blazeface` (the default) is many times faster, `mtcnn` finds smaller and more turned faces. */
  detector?: DetectorName;
  /** Threads that one run of a network may use; by default up to 4, as many as there are processors. */
  threads?: number;
  /** The native ONNX Runtime where it works, else WebAssembly, when left out. */
  backend?: Backend;
}

const MOST_THREADS = 4;

/** Loads a model and makes ready to predict. Throws `DATA` naming the file that is missing or damaged, `USAGE` for an option. */
export async function createPredictor(options: PredictorOptions = {}): Promise<Predictor> {
  const { detector = 'blazeface', threads = Math.min(MOST_THREADS, availableParallelism()) } = options;
  if (!Number.isInteger(threads) || threads < 1 || threads > 256)
    throw new UaferError('USAGE', `threads: expected a whole number from 1 to 256, got ${threads}.`);
  if (detector !== 'blazeface' && detector !== 'mtcnn')
    throw new UaferError('USAGE', `detector: expected blazeface or mtcnn, got ${JSON.stringify(detector)}.`);
  const folder = options.model === undefined ? defaultModel() : modelFolder(options.model);
  const { model, network } = await readModelFolder(folder);
  const { runtime, backend, name } = await loadOnnxRuntime(options.backend);
  return createPredictorFrom<PictureInput>({
    model,
    network: await loadNetwork(runtime, network, { name: network, threads }),
    detector: (): Promise<Detector> => createPhotoDetector(detector, { threads, backend }),
    decode: (input, { stored }) => decodeInput(input, !stored),
    backend: `${name} (${backend === 'native' ? 'native' : 'WebAssembly'})`,
  });
}

async function decodeInput(input: PictureInput, upright: boolean): Promise<Picture> {
  if (typeof input === 'string') return decodePicture(input, { upright });
  if (input instanceof URL) return decodePicture(filePath(input), { upright });
  if (input instanceof Uint8Array) return decodeBytes(input, 'The picture', { upright });
  return fromPixels(input);
}

function filePath(url: URL): string {
  if (url.protocol === 'file:') return fileURLToPath(url);
  throw new UaferError('USAGE', `${url}: only URLs of files are read. Fetch it, and give its bytes.`);
}

function fromPixels({ data, width, height, channels }: RawPicture): Picture {
  const expected = width * height * channels;
  const valid = [1, 3, 4].includes(channels) && Number.isInteger(width) && Number.isInteger(height) && expected > 0;
  if (!valid || data?.length !== expected) {
    throw new UaferError(
      'IMAGE',
      `Pixels of ${width} x ${height} with ${channels} channels: expected 1, 3 or 4 channels and as many bytes, got ${data?.length} bytes.`,
    );
  }
  // The predictor changes no pixel.
  if (channels === 3) return { data: new Uint8Array(data.buffer, data.byteOffset, data.length), width, height };
  const rgb = new Uint8Array(width * height * 3);
  for (let from = 0, to = 0; to < rgb.length; from += channels, to += 3) {
    for (let channel = 0; channel < 3; channel++) rgb[to + channel] = data[channels === 1 ? from : from + channel] as number;
  }
  return { data: rgb, width, height };
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
export { predictCamera, predictVideo, type VideoFramePrediction, type VideoOptions } from './predictVideo.js';
export type { RawPicture } from './rawPicture.js';
