/** The predictor on a runtime that is there already: models from addresses or from memory, detectors, pictures. */
import { UaferError } from '../errors.js';
import { createBlazeFace } from '../faces/blazeface.js';
import { eachRange } from '../faces/eachRange.js';
import { createMtcnn } from '../faces/mtcnn.js';
import type { Detector, DetectorName } from '../faces/types.js';
import { loadNetwork, type Network } from '../onnx/network.js';
import { type ModelFile, parseModelFile } from '../predict/modelFile.js';
import { createPredictorFrom, type Predictor as GenericPredictor } from '../predict/predictor.js';
import { decodePicture, type PictureInput } from './decode.js';
import type { Runtime } from './runtimePackage.js';

export type Predictor = GenericPredictor<PictureInput>;

/** The two files of an exported model that a prediction needs, such as a person opens them. */
export interface ModelFiles {
  /** `model.json`. */
  description: Blob;
  /** The network that it names. */
  network: Blob;
}

export interface ModelOptions {
  /** Address of a folder that `uafer export` wrote, or its files; the model of the package when left out. */
  model?: string | URL | ModelFiles;
  /** `blazeface` (the default) is many times faster, `mtcnn` finds smaller and more turned faces. */
  detector?: DetectorName;
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
 * Loads a model and makes ready to predict on a runtime that is loaded meanwhile. Throws `DATA` for a model that is damaged, `DOWNLOAD` for a
 * file that cannot be fetched.
 */
export async function createPredictorOn(loading: Promise<Runtime>, options: ModelOptions = {}): Promise<Predictor> {
  const { detector = 'blazeface' } = options;
  if (detector !== 'blazeface' && detector !== 'mtcnn')
    throw new UaferError('USAGE', `detector: expected blazeface or mtcnn, got ${JSON.stringify(detector)}.`);
  const [runtime, { model, network }] = await Promise.all([loading, loadModel(options.model)]);
  return createPredictorFrom<PictureInput>({
    model,
    network: await load(runtime, network, model.network.file),
    detector: () => loadDetector(runtime, detector),
    decode: decodePicture,
    backend: runtime.words,
  });
}

interface LoadedModel {
  model: ModelFile;
  network: Uint8Array;
}

function loadModel(model: string | URL | ModelFiles | undefined): Promise<LoadedModel> {
  return typeof model === 'object' && 'description' in model ? openModel(model) : fetchModel(model);
}

async function openModel({ description, network }: ModelFiles): Promise<LoadedModel> {
  const model = described(await description.text(), 'model.json');
  const bytes = new Uint8Array(await network.arrayBuffer());
  await check(bytes, model, model.network.file);
  return { model, network: bytes };
}

async function fetchModel(folder: string | URL | undefined): Promise<LoadedModel> {
  const base = folder === undefined ? null : new URL(`${String(folder).replace(/\/?$/, '/')}`, location.href);
  const address = base ? new URL('model.json', base) : SHIPPED['model.json'];
  const model = described(new TextDecoder().decode(await fetched(address)), String(address));
  const file = base ? new URL(model.network.file, base) : SHIPPED['model.onnx'];
  const network = await fetched(file);
  await check(network, model, String(file));
  return { model, network };
}

function described(text: string, where: string): ModelFile {
  const model = parseModelFile(text, where);
  if (!model.network.data) return model;
  throw new UaferError('DATA', `${where}: a network of over 2 GB cannot be loaded in a browser: export it in fp16 or int8.`);
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
