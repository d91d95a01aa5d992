/** Detectors in Node.js: the core in `mtcnn.ts` on `onnxruntime-node`, with the networks that this package ships. */
import { readFile } from 'node:fs/promises';
import * as onnxRuntime from 'onnxruntime-node';
import { packagePath } from '../paths.js';
import { createMtcnn, type MtcnnOptions } from './mtcnn.js';
import { loadNetwork, type Network } from './network.js';
import type { Detector, DetectorName } from './types.js';

export interface DetectorOptions {
  mtcnn: MtcnnOptions;
}

export interface RuntimeOptions {
  /** Threads of one detection. The default of 1 leaves the other cores to detections in other threads or processes. */
  threads?: number;
}

/** Loads a detector by name; what `options` leave out has its default. Close it to free its networks. */
export async function createDetector(
  name: DetectorName,
  options: Partial<MtcnnOptions> & RuntimeOptions = {},
): Promise<Detector> {
  const { threads = 1, ...own } = options;
  const network = (file: string) => shippedNetwork(file, threads);
  if (name !== 'mtcnn') throw new Error('not yet');
  const [proposal, refinement, output] = await Promise.all(['mtcnn-pnet', 'mtcnn-rnet', 'mtcnn-onet'].map(network));
  return createMtcnn({ proposal, refinement, output } as never, own);
}

async function shippedNetwork(name: string, threads: number): Promise<Network> {
  return loadNetwork(onnxRuntime, await readFile(packagePath('models', `${name}.onnx`)), threads);
}
