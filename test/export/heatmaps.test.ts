/** Heat maps of libtorch's network, beside its own scores and beside those of the model that is exported from it. */
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { resolveConfig } from '#uafer/config/resolve.js';
import { loadDataset } from '#uafer/data/datasets.js';
import { createLoader } from '#uafer/data/loader.js';
import type { Batch } from '#uafer/data/types.js';
import { noGrad, scope } from '#uafer/engine/index.js';
import { readModel } from '#uafer/evaluate/readModel.js';
import { exportModel } from '#uafer/export/exportModel.js';
import { type Heatmap, topPatches } from '#uafer/image/heatmap.js';
import { createPredictor } from '#uafer/node/index.js';
import { packagePath } from '#uafer/paths.js';
import { prepareEngine } from '#uafer/task/prepareEngine.js';
import { temporaryFolder } from '../support/pictures.js';

const folder = temporaryFolder();
afterAll(() => folder[Symbol.dispose]());

const small = packagePath('models', 'uafer-clip-small.safetensors');
const dataset = loadDataset({ name: 'rafdb', dataPath: packagePath('examples', 'faces'), parts: 'test' });
const samples = dataset.test.filter((_, i) => i % 9 === 0);

function configuration(settings: Record<string, unknown>, recipe = 'released') {
  const options = {
    dataset: 'rafdb',
    dataPath: dataset.root,
    clipPath: small,
    device: 'cpu',
    workers: 0,
    'optimizer.testBatchSize': 64,
    ...settings,
  };
  return prepareEngine(resolveConfig({ recipe, options }));
}

/** The network of some settings, what it answers to a batch of faces, and its heat maps. */
async function answers(settings: Record<string, unknown>, recipe?: string) {
  const config = configuration(settings, recipe);
  const { model } = readModel(small, config, dataset.classes);
  const loader = createLoader(samples, config, model.preprocessing, 'test');
  const { value } = await loader.epoch(0).next();
  await loader.close();
  const batch = value as Batch;
  const [prediction, heatmaps] = noGrad(() => scope(() => [model.predict(batch), model.heatmaps?.(batch) as Heatmap[]]));
  return { config, prediction, heatmaps };
}

describe('the heat maps of a network', () => {
  it.each([
    [16, {}],
    [3, { 'model.patchProjection': true }],
  ])('have the local scores as the means of their %i largest affinities', async (topk, settings) => {
    const local = { 'model.branch': 'local', 'model.normalizeScores': false, 'model.topk': topk };
    const { prediction, heatmaps } = await answers({ ...local, ...settings });
    expect(heatmaps).toHaveLength(samples.length);
    const classes = dataset.classes.length;
    for (const [i, { classes: affinities }] of heatmaps.entries()) {
      expect(Object.keys(affinities)).toEqual(dataset.classes);
      for (const [c, values] of Object.values(affinities).entries()) {
        const largest = topPatches(values, topk).map((patch) => values[patch] as number);
        const mean = largest.reduce((sum, value) => sum + value, 0) / topk;
        // Sums of single precision.
        expect(mean).toBeCloseTo(prediction.logits[i * classes + c] as number, 5);
      }
    }
  });

  it.each<[string, Record<string, unknown>, string]>([
    ['UA-FER', {}, 'released'],
    ['a projection of the patches', { 'model.patchProjection': true }, 'released'],
    ['the pre-training of a backbone', { clipPath: '' }, 'small-clip'],
  ])('are those of the exported model: %s', async (name, settings, recipe) => {
    const { config, heatmaps } = await answers(settings, recipe);
    const to = join(folder.path, name.replaceAll(' ', '-'));
    await exportModel({ checkpoint: small, config, to, precision: 'fp32' });
    await using predictor = await createPredictor({ model: to });
    for (const [i, { path }] of samples.entries()) {
      const { faces } = await predictor.predict(path, { aligned: true, heatmap: true });
      const exported = faces[0]?.heatmap as Heatmap;
      const own = heatmaps[i] as Heatmap;
      expect(exported).toMatchObject({ rows: own.rows, columns: own.columns, topk: own.topk });
      for (const [expression, values] of Object.entries(own.classes)) {
        const other = exported.classes[expression] as number[];
        // The tolerance of logits at every export: each side adds up in an order of its own.
        for (const [patch, value] of values.entries()) expect(Math.abs(value - (other[patch] as number))).toBeLessThan(1e-4);
      }
    }
  });
});
