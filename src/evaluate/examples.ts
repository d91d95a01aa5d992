/** What is shown of an evaluation beside its figures: single pictures with their heat maps, and where all stand in the network's features. */
import { transformFor } from '../data/datasets.js';
import { createLoader, type LoaderConfig } from '../data/loader.js';
import { thumbnailOf } from '../data/thumbnail.js';
import type { Batch, Sample } from '../data/types.js';
import { UaferError } from '../errors.js';
import { type Heatmap, topPatches } from '../image/heatmap.js';
import type { Preprocessing } from '../image/preprocess.js';
import type { ExamplePicture, Examples } from '../run/examplesFile.js';
import type { Evaluation, Prediction } from './evaluate.js';
import { principalPlane } from './plane.js';

/** Pictures of each kind. */
const SHOWN = 12;

export interface ExampleSource {
  evaluation: Pick<Evaluation, 'predictions' | 'features'>;
  /** The test pictures, by whose names predictions are found. */
  samples: readonly Sample[];
  config: LoaderConfig;
  preprocessing: Preprocessing;
  /** Left out for a network that has no patches. */
  heatmaps?: ((batch: Batch) => Heatmap[] | Promise<Heatmap[]>) | undefined;
}

/**
 * The most certain mistakes and the least certain pictures of an evaluation. The certainty of a mistake is its probability; the uncertainty is
 * the model's own. What cannot be read any more is left out.
 */
export async function collectExamples(source: ExampleSource): Promise<Examples> {
  const { predictions, features } = source.evaluation;
  const rows = [...predictions.keys()];
  const at = (row: number) => predictions[row] as Prediction;
  const certainty = (row: number) => at(row).probabilities[at(row).predicted] as number;
  const mistakes = largest(
    rows.filter((row) => at(row).predicted !== at(row).label),
    certainty,
  );
  const uncertain = largest(rows, (row) => at(row).uncertainty);
  const chosen = [...new Set([...mistakes, ...uncertain])];
  return { plane: features && principalPlane(features), mistakes, uncertain, pictures: await picturesOf(chosen, source) };
}

/** Of equal ones the earlier. */
function largest(rows: readonly number[], value: (row: number) => number): number[] {
  return rows.toSorted((a, b) => value(b) - value(a) || a - b).slice(0, SHOWN);
}

async function picturesOf(
  rows: readonly number[],
  { evaluation, samples, config, preprocessing, heatmaps }: ExampleSource,
): Promise<ExamplePicture[]> {
  const byFile = new Map(samples.map((sample) => [sample.file, sample]));
  const fileOf = (row: number) => (evaluation.predictions[row] as Prediction).file;
  const found = rows.filter((row) => byFile.has(fileOf(row)));
  const shown = found.map((row) => byFile.get(fileOf(row)) as Sample);
  const maps = heatmaps ? await heatmapsOf(shown, config, preprocessing, heatmaps) : new Map<Sample, Heatmap>();
  const { dataset, data } = config;
  const transform = transformFor({ dataset, preprocessing, train: false, augment: 'none', centerCrop: data.centerCrop });
  const pictures: ExamplePicture[] = [];
  for (const [i, row] of found.entries()) {
    const sample = shown[i] as Sample;
    const heatmap = maps.get(sample);
    const bytes = await thumbnailOf(sample.path, transform).catch(nothingOf);
    if (!bytes) continue;
    const thumbnail = Buffer.from(bytes).toString('base64');
    pictures.push({ row, file: sample.file, thumbnail, heatmap: heatmap ? speaking(heatmap) : null });
  }
  return pictures;
}

/** A picture may have gone since it was evaluated. */
function nothingOf(error: unknown): null {
  if (error instanceof UaferError && error.code === 'IMAGE') return null;
  throw error;
}

async function heatmapsOf(
  samples: readonly Sample[],
  config: LoaderConfig,
  preprocessing: Preprocessing,
  heatmaps: NonNullable<ExampleSource['heatmaps']>,
): Promise<Map<Sample, Heatmap>> {
  // Threads would take longer to start than these few pictures take.
  const here = { ...config, workers: 0, data: { ...config.data, allowUnreadable: true } };
  const loader = createLoader(samples, here, preprocessing, 'test');
  const found = new Map<Sample, Heatmap>();
  try {
    for await (const batch of loader.epoch(0)) {
      const maps = await heatmaps(batch);
      for (const [i, map] of maps.entries()) found.set(samples[batch.indices[i] as number] as Sample, map);
    }
  } finally {
    await loader.close();
  }
  return found;
}

/** The patches that speak for each class, and how much each does: its place between the smallest and the largest affinity of the class. */
function speaking({ rows, columns, topk, classes }: Heatmap): NonNullable<ExamplePicture['heatmap']> {
  const marks = (values: readonly number[]): [number, number][] => {
    const [low, high] = [Math.min(...values), Math.max(...values)];
    const share = (patch: number) => (high > low ? ((values[patch] as number) - low) / (high - low) : 0);
    return topPatches(values, topk).map((patch) => [patch, Math.round(100 * share(patch)) / 100]);
  };
  return { rows, columns, classes: Object.fromEntries(Object.entries(classes).map(([name, values]) => [name, marks(values)])) };
}
