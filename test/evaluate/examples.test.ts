import { rmSync } from 'node:fs';
import { join } from 'node:path';
import sharp from 'sharp';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { resolveConfig } from '#uafer/config/resolve.js';
import { preprocessingFor } from '#uafer/data/datasets.js';
import type { Batch, Dataset } from '#uafer/data/types.js';
import { collectExamples } from '#uafer/evaluate/examples.js';
import type { Heatmap } from '#uafer/image/heatmap.js';
import { writeDataset } from '../support/madeUpPictures.js';
import { temporaryFolder } from '../support/pictures.js';

let folder: ReturnType<typeof temporaryFolder>;
let dataset: Dataset;
beforeEach(async () => {
  folder = temporaryFolder();
  dataset = await writeDataset(join(folder.path, 'faces'), { train: 0, test: 30, size: 16 });
});
afterEach(() => folder[Symbol.dispose]());

const config = () =>
  resolveConfig({
    recipe: 'released',
    options: { dataset: 'folder', dataPath: dataset.root, clipPath: 'none', workers: 0, 'optimizer.testBatchSize': 8 },
  });
/** Every picture is said to be happy; the later, the surer and the more uncertain. */
const evaluation = () => ({
  predictions: dataset.test.map(({ file, label }, i) => ({
    file,
    label,
    predicted: 0,
    logits: [1, 0, 0],
    probabilities: [0.5 + i / 100, 0.3 - i / 200, 0.2 - i / 200],
    uncertainty: i / 30,
  })),
  features: null,
});
const collect = (heatmaps?: (batch: Batch) => Heatmap[]) =>
  collectExamples({
    evaluation: evaluation(),
    samples: dataset.test,
    config: config(),
    preprocessing: preprocessingFor('folder', 16),
    heatmaps,
  });

it('takes the twelve most certain mistakes and the twelve least certain pictures, each picture once', async () => {
  const { mistakes, uncertain, pictures, plane } = await collect();
  // Of three classes in turn the first is right.
  expect(mistakes).toEqual([29, 28, 26, 25, 23, 22, 20, 19, 17, 16, 14, 13]);
  expect(uncertain).toEqual([29, 28, 27, 26, 25, 24, 23, 22, 21, 20, 19, 18]);
  expect(pictures.map(({ row }) => row).toSorted((a, b) => a - b)).toEqual(
    [...new Set([...mistakes, ...uncertain])].toSorted((a, b) => a - b),
  );
  expect(pictures.every(({ heatmap }) => heatmap === null)).toBe(true);
  expect(plane).toBeNull();
});

it('shows what the model sees: small JPEGs, no larger than the picture', async () => {
  const { pictures } = await collect();
  const { format, width, height } = await sharp(Buffer.from(pictures[0]?.thumbnail ?? '', 'base64')).metadata();
  expect({ format, width, height }).toEqual({ format: 'jpeg', width: 16, height: 16 });
});

it('marks the top-k patches of each class, from 1 for the one that speaks most to 0 for the one that speaks least of all', async () => {
  const map = { rows: 1, columns: 4, topk: 2, classes: { happy: [0, 3, 4, 2], sad: [5, 5, 5, 5], neutral: [4, 3, 2, 0] } };
  const { pictures } = await collect(({ labels }) => Array.from(labels, () => map));
  expect(pictures[0]?.heatmap).toEqual({
    rows: 1,
    columns: 4,
    classes: {
      happy: [
        [2, 1],
        [1, 0.75],
      ],
      // All speak alike.
      sad: [
        [0, 0],
        [1, 0],
      ],
      neutral: [
        [0, 1],
        [1, 0.75],
      ],
    },
  });
});

it('leaves out a picture that has gone since', async () => {
  rmSync(dataset.test[29]?.path as string);
  const { mistakes, pictures } = await collect();
  expect(mistakes).toContain(29);
  expect(pictures.map(({ row }) => row)).not.toContain(29);
});
