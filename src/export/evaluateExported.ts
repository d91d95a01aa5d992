import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { calibratedAnswer } from '../calibration/calibration.js';
import type { TrainConfig } from '../config/schema.js';
import { mapClasses } from '../data/classMap.js';
import type { Batch, Dataset } from '../data/types.js';
import { UaferError } from '../errors.js';
import { type Evaluation, evaluateAnswers } from '../evaluate/evaluate.js';
import {
  type CheckpointEvaluation,
  type EvaluateCheckpointOptions,
  evaluatePictures,
  loadTestPart,
} from '../evaluate/evaluateCheckpoint.js';
import { collectExamples } from '../evaluate/examples.js';
import type { AnswerAll } from '../evaluate/robustness.js';
import { type Heatmap, heatmapAt } from '../image/heatmap.js';
import type { Preprocessing } from '../image/preprocess.js';
import { loadNetwork, type Network, type NetworkOutputs } from '../onnx/network.js';
import { rawAnswerAt } from '../predict/answer.js';
import { layerOutput, type ModelFile, parseModelFile } from '../predict/modelFile.js';
import { readModelFolder } from '../runtime/modelFolder.js';
import { loadOnnxRuntime } from '../runtime/onnxRuntime.js';
import type { BatchPrediction } from '../task/task.js';

/** Whether a path is a folder that `uafer export` wrote. */
export function isExported(path: string): boolean {
  return existsSync(join(path, 'model.json'));
}

/** Whether an exported model has evidence by ReLU, as the released form of UA-FER: its settings of training don't stand in the folder. */
export function hasReluEvidence(folder: string): boolean {
  const path = join(folder, 'model.json');
  const { answer } = parseModelFile(readFileSync(path, 'utf8'), path);
  return answer.kind === 'evidence' && answer.evidence === 'relu';
}

/** The loader normalises; with these numbers it gives bytes, which the network normalises itself. */
const BYTES = { mean: [0, 0, 0], deviation: [1 / 255, 1 / 255, 1 / 255] } as const;

/**
 * As `evaluateCheckpoint`, of an exported model, without libtorch. It has no evaluation loss. Throws `DATA` when the data set's classes aren't
 * the model's.
 */
export async function evaluateExported(
  folder: string,
  config: TrainConfig,
  options: EvaluateCheckpointOptions = {},
): Promise<CheckpointEvaluation> {
  const { model, network: file } = await readModelFolder(folder);
  const loaded = loadTestPart(config, options);
  const { classMap } = options;
  const dataset = classMap ? mapClasses(loaded, classMap, model.classes, options.onNote) : relabelled(loaded, model, folder);
  const { runtime } = await loadOnnxRuntime();
  const network = await loadNetwork(runtime, file, { name: file, threads: Math.max(1, config.threads) });
  const preprocessing: Preprocessing = { ...model.preprocessing, colour: 'rgb', ...BYTES };
  const answering = {
    classes: model.classes,
    predict: (batch: Batch, layers: readonly string[]) => predictBatch(network, model, batch, layers),
  };
  const answerAll: AnswerAll = async (batches, samples, onBatch) => {
    const { calibration } = model;
    return (await evaluateAnswers(answering, batches, { samples, epoch: 0, calibration, onBatch })) as Evaluation;
  };
  const heatmaps = (batch: Batch) => heatmapsOf(network, model, batch);
  const examples = (evaluation: Evaluation) =>
    collectExamples({ evaluation, samples: dataset.test, config, preprocessing, heatmaps });
  try {
    return await evaluatePictures({ checkpoint: folder, preprocessing, answerAll, examples }, dataset, config, options);
  } finally {
    await network.close();
  }
}

/** The data set with its labels counted as the model counts its classes. */
function relabelled(dataset: Dataset, { classes }: ModelFile, folder: string): Dataset {
  const places = dataset.classes.map((name) => classes.indexOf(name));
  if (places.includes(-1) || dataset.classes.length !== classes.length) {
    throw new UaferError(
      'DATA',
      `${folder} knows the classes ${classes.join(', ')}, and ${dataset.name} has ${dataset.classes.join(', ')}: they must be the same. ` +
        '--class-map says which is which.',
    );
  }
  const inOrder = (values: readonly number[]) => [
    ...classes.map((name) => values[dataset.classes.indexOf(name)] as number),
    ...values.slice(classes.length),
  ];
  const test = dataset.test.map(({ votes, voteCounts, ...sample }) => ({
    ...sample,
    label: places[sample.label] as number,
    ...(votes && { votes: inOrder(votes) }),
    ...(voteCounts && { voteCounts: inOrder(voteCounts) }),
  }));
  return { ...dataset, classes, test };
}

function run(network: Network, { images, shape }: Batch): Promise<NetworkOutputs> {
  const [count, , side] = shape;
  return network.run(toBytes(images, shape), [count, side, side, 3]);
}

async function heatmapsOf(network: Network, { patches, classes }: ModelFile, batch: Batch): Promise<Heatmap[]> {
  const outputs = await run(network, batch);
  return Array.from(batch.labels, (_, i) => heatmapAt(outputs('affinities').data, i, { ...patches, classes }));
}

async function predictBatch(
  network: Network,
  model: ModelFile,
  batch: Batch,
  layers: readonly string[],
): Promise<BatchPrediction> {
  const [count] = batch.shape;
  const outputs = await run(network, batch);
  const uncertainty = Float32Array.from({ length: count }, (_, i) => {
    const { logits, evidence } = rawAnswerAt(outputs, i, model);
    return calibratedAnswer({ logits, evidence }).uncertainty;
  });
  const taken = layers.map((name) => [name, outputs(layerOutput(name)).data.slice()] as const);
  return {
    logits: outputs('logits').data.slice(),
    probabilities: outputs('probabilities').data.slice(),
    uncertainty,
    features: outputs('feature').data.slice(),
    layers: Object.fromEntries(taken),
    ...(model.answer.kind === 'evidence' ? { evidence: outputs('evidence').data.slice() } : {}),
  };
}

/** (N, 3, S, S) numbers that are whole but for rounding to (N, S, S, 3) bytes. */
function toBytes(images: Float32Array, [count, channels, height, width]: Batch['shape']): Uint8Array {
  const bytes = new Uint8Array(images.length);
  const plane = height * width;
  for (let i = 0, at = 0; i < count; i++) {
    for (let pixel = 0; pixel < plane; pixel++) {
      for (let channel = 0; channel < channels; channel++, at++)
        bytes[at] = Math.round(images[(i * channels + channel) * plane + pixel] as number);
    }
  }
  return bytes;
}
