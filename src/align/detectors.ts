/** Detectors in Node.js: `mtcnn.ts` and `blazeface.ts` on `onnxruntime-node`, with the networks that this package ships. */
import { readFile } from 'node:fs/promises';
import * as onnxRuntime from 'onnxruntime-node';
import { BLAZEFACE_DEFAULTS, type BlazeFaceOptions, createBlazeFace } from '../faces/blazeface.js';
import { createMtcnn, type MtcnnOptions } from '../faces/mtcnn.js';
import type { Detector, DetectorName } from '../faces/types.js';
import { loadNetwork, type Network } from '../onnx/network.js';
import { packagePath } from '../paths.js';

/** What can be chosen of each detector. */
interface DetectorOptions {
  mtcnn: MtcnnOptions;
  blazeface: BlazeFaceOptions;
}

interface RuntimeOptions {
  /** Threads of one detection. The default of 1 leaves the other cores to detections in other threads or processes. */
  threads?: number;
}

/** Options for a detector; what is left out has its default. */
export type DetectorSettings<Name extends DetectorName> = Partial<DetectorOptions[Name]> & RuntimeOptions;

type Makers = { [Name in DetectorName]: (settings: DetectorSettings<Name>) => Promise<Detector> };

const MAKERS: Makers = {
  async mtcnn({ threads, ...options }) {
    const [proposal, refinement, output] = await Promise.all([
      shippedNetwork('mtcnn-pnet', threads),
      shippedNetwork('mtcnn-rnet', threads),
      shippedNetwork('mtcnn-onet', threads),
    ]);
    return createMtcnn({ proposal, refinement, output }, options);
  },
  async blazeface({ threads, ...options }) {
    const { range = BLAZEFACE_DEFAULTS.range } = options;
    return createBlazeFace(await shippedNetwork(`blazeface-${range}`, threads), options);
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

async function shippedNetwork(name: string, threads = 1): Promise<Network> {
  const file = packagePath('models', `${name}.onnx`);
  return loadNetwork(onnxRuntime, await readFile(file), { name: file, threads });
}
