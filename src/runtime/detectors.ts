/** Detectors in Node.js: `mtcnn.ts` and `blazeface.ts` on ONNX Runtime, with the networks that this package ships. */
import { readFile } from 'node:fs/promises';
import { BLAZEFACE_DEFAULTS, type BlazeFaceOptions, createBlazeFace } from '../faces/blazeface.js';
import { eachRange } from '../faces/eachRange.js';
import { createMtcnn, type MtcnnOptions } from '../faces/mtcnn.js';
import type { Detector, DetectorName } from '../faces/types.js';
import { loadNetwork, type Network } from '../onnx/network.js';
import { packagePath } from '../paths.js';
import { type Backend, loadOnnxRuntime } from './onnxRuntime.js';

/** What can be chosen of each detector. */
interface DetectorOptions {
  mtcnn: MtcnnOptions;
  blazeface: BlazeFaceOptions;
}

interface RuntimeOptions {
  /** Threads of one detection. The default of 1 leaves the other cores to detections in other threads or processes. */
  threads?: number;
  backend?: Backend | undefined;
}

/** Options for a detector; what is left out has its default. */
export type DetectorSettings<Name extends DetectorName> = Partial<DetectorOptions[Name]> & RuntimeOptions;

type Makers = { [Name in DetectorName]: (settings: DetectorSettings<Name>) => Promise<Detector> };

const MAKERS: Makers = {
  async mtcnn({ threads, backend, ...options }) {
    const shipped = (name: string) => shippedNetwork(name, { threads, backend });
    const [proposal, refinement, output] = await Promise.all([
      shipped('mtcnn-pnet'),
      shipped('mtcnn-rnet'),
      shipped('mtcnn-onet'),
    ]);
    return createMtcnn({ proposal, refinement, output }, options);
  },
  async blazeface({ threads, backend, ...options }) {
    const { range = BLAZEFACE_DEFAULTS.range } = options;
    return createBlazeFace(await shippedNetwork(`blazeface-${range}`, { threads, backend }), options);
  },
};

/**
 * Loads a detector by name. Close it to free its networks.
 *
 * @throws UaferError `USAGE` for an option out of its range.
 */
export function createDetector<Name extends DetectorName>(
  name: Name,
  settings: DetectorSettings<Name> = {},
): Promise<Detector> {
  return MAKERS[name](settings);
}

/** The detector of predictions: faces at every distance, by BlazeFace's two networks; or MTCNN, which looks for faces of every size. */
export async function createPhotoDetector(name: DetectorName, settings: RuntimeOptions): Promise<Detector> {
  if (name === 'mtcnn') return createDetector(name, settings);
  const far = await createDetector(name, { ...settings, range: 'full' });
  return eachRange(far, () => createDetector(name, { ...settings, range: 'short' }));
}

async function shippedNetwork(
  name: string,
  { threads = 1, backend }: { threads: number | undefined; backend: Backend | undefined },
): Promise<Network> {
  const file = packagePath('models', `${name}.onnx`);
  const { runtime } = await loadOnnxRuntime(backend);
  return loadNetwork(runtime, await readFile(file), { name: file, threads });
}
