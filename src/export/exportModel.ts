/** From a checkpoint to a folder that predicts without libtorch: `model.onnx`, `model.json` and a card. */
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { basename, join, resolve } from 'node:path';
import type { Calibration } from '../calibration/calibration.js';
import { layersOf } from '../calibration/density.js';
import type { TrainConfig } from '../config/schema.js';
import { datasetRow, loadDataset } from '../data/datasets.js';
import { UaferError } from '../errors.js';
import { ownCalibration } from '../evaluate/ownCalibration.js';
import { readClasses, readModel, takenCheckpoint } from '../evaluate/readModel.js';
import { writeFileAtomically, writePiecesAtomically } from '../files.js';
import { loadNetwork, type Network } from '../onnx/network.js';
import { MODEL_VERSION, type ModelFile } from '../predict/modelFile.js';
import { holdsRun, runFolder } from '../run/runFolder.js';
import { loggedMetrics } from '../run/runLog.js';
import { loadOnnxRuntime } from '../runtime/onnxRuntime.js';
import { prepareEngine } from '../task/prepareEngine.js';
import type { ClassifierModel } from '../tasks/createTask.js';
import { card } from './card.js';
import { type CheckPictures, checkPictures } from './checkPictures.js';
import { classifierGraph, type PlainClassifier } from './classifierGraph.js';
import {
  batches,
  type Comparison,
  compare,
  comparisonLines,
  networkScores,
  refuseLoss,
  runBytes,
  torchScores,
} from './compare.js';
import type { LayerPrecision, Ranges } from './layers.js';
import { type OnnxFile, OPSET } from './onnxGraph.js';
import { plainClassifier } from './plainClassifier.js';

export type ExportPrecision = ModelFile['network']['precision'];

export interface ExportOptions {
  /** A run, a checkpoint, a fine-tuned model or CLIP weights. */
  checkpoint: string;
  config: TrainConfig;
  /** The folder to make. */
  to: string;
  precision: ExportPrecision;
  /** Exports although the check says that it differs too much. */
  allowLoss?: boolean;
  /** What was fitted on validation pictures. */
  calibration?: Calibration | undefined;
  /** Of the weights; by default a sentence that says what it depends on. */
  licence?: string;
  /** Markdown that the card shows after the figures. */
  remarks?: string | undefined;
  /** The model's name in its card and `model.json`; by default the folder's. */
  name?: string;
  onNote?(note: string): void;
}

export interface Exported {
  folder: string;
  model: ModelFile;
  comparison: Comparison;
  /** What it was checked on, in words. */
  checkedOn: string;
}

const UNKNOWN_LICENCE =
  'The weights are under the licence of those that they were trained from; what may be done with them depends on the data that they were trained on too.';
const NETWORK = 'model.onnx';
const DATA = 'model.onnx.data';

/**
 * Exports a checkpoint, and compares it at once with libtorch on real pictures. The folder is made beside and renamed, so that it is there whole
 * or not at all.
 *
 * @throws UaferError `USAGE` when the target exists, `CHECKPOINT` for weights that don't fit or aren't finite, `DIVERGED` when the export
 *   differs by more than rounding (fp32 1e-4 of a logit, fp16 0.02) or loses over half a point of accuracy, `IO` for a full disk
 */
export async function exportModel(options: ExportOptions): Promise<Exported> {
  const { checkpoint, to, precision, onNote = () => {} } = options;
  refuseExisting(to);
  const config = prepareEngine(options.config);
  const { model, epoch } = readModel(takenCheckpoint(checkpoint, onNote), config, classesOf(checkpoint, config));
  const pictures = await checkPictures(config, model.preprocessing);
  const partial = `${resolve(to)}.partial`;
  try {
    rmSync(partial, { recursive: true, force: true });
    mkdirSync(partial, { recursive: true });
    const classifier = plainClassifier(model.classifier());
    const layers = await layerPrecision(precision, classifier, model, pictures, partial);
    const wanted = layersOf(options.calibration?.density);
    const { graph } = classifierGraph(classifier, { preprocessing: model.preprocessing, precision: layers, wanted });
    const network = writeNetwork(graph.file({ dataFile: DATA }), partial);
    const comparison = await check(join(partial, NETWORK), model, pictures);
    for (const line of comparisonLines(comparison, pictures.what)) onNote(line);
    refuseLoss(comparison, precision, options.allowLoss ?? false);
    const metrics = holdsRun(checkpoint) ? loggedMetrics(runFolder(checkpoint).log, epoch) : null;
    const file = modelFile(options, model, classifier, { ...network, precision, opset: OPSET }, metrics);
    writeFileAtomically(join(partial, 'model.json'), `${JSON.stringify(file, null, 2)}\n`);
    writeFileAtomically(
      join(partial, 'README.md'),
      card(file, { comparison, checkedOn: pictures.what, remarks: options.remarks }),
    );
    renameSync(partial, resolve(to));
    return { folder: resolve(to), model: file, comparison, checkedOn: pictures.what };
  } catch (cause) {
    clear(partial);
    if (cause instanceof UaferError || !isSystemError(cause)) throw cause;
    throw new UaferError('IO', `${to} could not be written: ${cause.message}. Nothing is left of it.`, { cause });
  }
}

/** What is half-made goes; where that fails too, the first failure is the one to tell. */
function clear(partial: string): void {
  try {
    rmSync(partial, { recursive: true, force: true });
  } catch {}
}

function isSystemError(error: unknown): error is NodeJS.ErrnoException {
  return error instanceof Error && 'errno' in error;
}

function refuseExisting(to: string): void {
  if (!existsSync(to) || readdirSync(to).length === 0) return;
  throw new UaferError('USAGE', `${to} exists already: choose another folder with --to, or delete it.`);
}

/** As the checkpoint says; else as the data set has them. */
function classesOf(checkpoint: string, { dataset: name, dataPath }: TrainConfig): readonly string[] {
  const classes = readClasses(checkpoint) ?? datasetRow(name).classes;
  return classes ?? loadDataset({ name, dataPath, parts: 'test' }).classes;
}

/** For 8 bits, what each layer takes on real pictures is measured first with the same network in single precision. */
async function layerPrecision(
  precision: ExportPrecision,
  classifier: PlainClassifier,
  { preprocessing }: ClassifierModel,
  { ranges }: CheckPictures,
  folder: string,
): Promise<LayerPrecision> {
  if (precision !== 'int8') return { kind: precision };
  const options = { preprocessing, precision: { kind: 'fp32' } } as const;
  const { graph, layers } = classifierGraph(classifier, options);
  const names = [...layers.taken.keys()];
  names.forEach((name, i) => {
    graph.output(`taken ${i}`, layers.taken.get(name) as string, 'float32', []);
  });
  writeNetwork(graph.file({ dataFile: DATA }), folder);
  const network = await open(join(folder, NETWORK));
  const found = new Map<string, [number, number]>();
  for (const batch of batches(ranges)) {
    const outputs = await runBytes(network, batch, preprocessing.imageSize);
    names.forEach((name, i) => {
      found.set(name, widened(found.get(name), outputs(`taken ${i}`).data));
    });
  }
  await network.close();
  return { kind: 'int8', ranges: found satisfies Ranges };
}

function widened(range: readonly [number, number] | undefined, values: Float32Array): [number, number] {
  let [low, high] = range ?? [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  for (const value of values) {
    if (value < low) low = value;
    if (value > high) high = value;
  }
  return [low, high];
}

async function open(path: string): Promise<Network> {
  const { runtime } = await loadOnnxRuntime();
  return loadNetwork(runtime, path, { name: path, threads: 1 });
}

type WrittenNetwork = Pick<ModelFile['network'], 'file' | 'bytes' | 'sha256' | 'data'>;

function writeNetwork({ model, data }: OnnxFile, folder: string): WrittenNetwork {
  const written = (file: string, pieces: readonly Uint8Array[]) => {
    writePiecesAtomically(join(folder, file), pieces);
    const hash = createHash('sha256');
    for (const piece of pieces) hash.update(piece);
    return { file, bytes: pieces.reduce((sum, piece) => sum + piece.length, 0), sha256: hash.digest('hex') };
  };
  return { ...written(NETWORK, model), ...(data ? { data: written(DATA, data) } : {}) };
}

async function check(path: string, model: ClassifierModel, { check: pictures }: CheckPictures): Promise<Comparison> {
  const before = torchScores(model, pictures);
  const network = await open(path);
  const after = await networkScores(network, pictures, model.preprocessing.imageSize);
  await network.close();
  return compare(before, after, pictures);
}

function modelFile(
  { checkpoint, config, to, calibration, name, licence = UNKNOWN_LICENCE }: ExportOptions,
  { classes, preprocessing }: ClassifierModel,
  { architecture, answer, scores }: PlainClassifier,
  network: ModelFile['network'],
  metrics: Record<string, number | null> | null,
): ModelFile {
  const side = architecture.imageSize / architecture.patchSize;
  const read = calibration ?? ownCalibration(config);
  const { mean, deviation } = preprocessing;
  return {
    format: 'uafer-model',
    version: MODEL_VERSION,
    name: name ?? basename(resolve(to)),
    classes: [...classes],
    network,
    preprocessing: { ...preprocessing, mean: [...mean], deviation: [...deviation] },
    patches: { rows: side, columns: side, topk: scores.topk },
    answer: answer === 'softmax' ? { kind: 'softmax' } : { kind: 'evidence', evidence: answer },
    ...(read && { calibration: read }),
    ...(metrics && { metrics }),
    source: { checkpoint: basename(resolve(checkpoint)), recipe: basename(config.recipe), dataset: config.dataset },
    licence,
  };
}
