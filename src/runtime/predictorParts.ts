/** What a predictor is made of in Node.js, but for how pictures are decoded. */
import { availableParallelism } from 'node:os';
import { UaferError } from '../errors.js';
import type { DetectorName } from '../faces/types.js';
import { loadNetwork } from '../onnx/network.js';
import type { PredictorParts } from '../predict/predictor.js';
import { createPhotoDetector } from './detectors.js';
import { defaultModel, modelFolder, readModelFolder } from './modelFolder.js';
import { type Backend, loadOnnxRuntime } from './onnxRuntime.js';

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

/** Loads a model. Throws `DATA` naming the file that is missing or damaged, `USAGE` for an option. */
export async function loadPredictorParts(options: PredictorOptions): Promise<Omit<PredictorParts<never>, 'decode'>> {
  const { detector = 'blazeface', threads = Math.min(MOST_THREADS, availableParallelism()) } = options;
  if (!Number.isInteger(threads) || threads < 1 || threads > 256)
    throw new UaferError('USAGE', `threads: expected a whole number from 1 to 256, got ${threads}.`);
  if (detector !== 'blazeface' && detector !== 'mtcnn')
    throw new UaferError('USAGE', `detector: expected blazeface or mtcnn, got ${JSON.stringify(detector)}.`);
  const folder = options.model === undefined ? defaultModel() : modelFolder(options.model);
  const { model, network } = await readModelFolder(folder);
  const { runtime, backend, name } = await loadOnnxRuntime(options.backend);
  return {
    model,
    network: await loadNetwork(runtime, network, { name: network, threads }),
    detector: () => createPhotoDetector(detector, { threads, backend }),
    backend: `${name} (${backend === 'native' ? 'native' : 'WebAssembly'})`,
  };
}
