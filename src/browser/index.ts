/**
 * `uafer` in a browser: from a picture to expressions, wholly on the device. Pictures never leave it; what is fetched are the model and the
 * networks that find faces. Needs the package `onnxruntime-web` beside this one.
 *
 * @packageDocumentation
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
 */
import { createPredictorOn, type ModelOptions, type Predictor } from './predictor.js';
import { type Backend, loadRuntime } from './runtime.js';

export interface PredictorOptions extends ModelOptions {
  /**
   * Threads of WebAssembly, where the page is cross-origin isolated; else there is one. By default up to 4, and one processor is left to the
   * page. All predictors of a page share the number of the first.
   */
  threads?: number;
  /** WebGPU where there is a graphics card for it, else WebAssembly, when left out. */
  backend?: Backend;
}

/**
 * Loads a model and makes ready to predict. Throws `DATA` for a model that is damaged, `DOWNLOAD` for a file that cannot be fetched,
 * `RUNTIME_NOT_FOUND` where neither WebGPU nor WebAssembly works.
 */
export function createPredictor(options: PredictorOptions = {}): Promise<Predictor> {
  return createPredictorOn(loadRuntime(options), options);
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
export type { PictureInput } from './decode.js';
export type { ModelFiles, Predictor } from './predictor.js';
