/**
 * `uafer`: from a photo to expressions, in Node.js. Nothing but files and memory is touched: no network, no telemetry, no training engine.
 *
 * @packageDocumentation
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
 */
import { fileURLToPath } from 'node:url';
import { decodeBytes, decodePicture } from '../codec/decode.js';
import { UaferError } from '../errors.js';
import type { Picture } from '../image/picture.js';
import { createPredictorFrom, type Predictor as GenericPredictor } from '../predict/predictor.js';
import { loadPredictorParts, type PredictorOptions } from '../runtime/predictorParts.js';
import type { RawPicture } from './rawPicture.js';

/** A picture: a path, a URL of a file, a file's bytes, or pixels. */
export type PictureInput = string | URL | Uint8Array | RawPicture;

export type Predictor = GenericPredictor<PictureInput>;

/** Loads a model and makes ready to predict. Throws `DATA` naming the file that is missing or damaged, `USAGE` for an option. */
export async function createPredictor(options: PredictorOptions = {}): Promise<Predictor> {
  return createPredictorFrom<PictureInput>({
    ...(await loadPredictorParts(options)),
    decode: (input, { stored }) => decodeInput(input, !stored),
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
export type { FacePrediction, ManyPrediction, Prediction, PredictionRequest, PredictOptions } from '../predict/predictor.js';
export type { PredictorOptions } from '../runtime/predictorParts.js';
export { predictCamera, predictVideo, type VideoFramePrediction, type VideoOptions } from './predictVideo.js';
export type { RawPicture } from './rawPicture.js';
