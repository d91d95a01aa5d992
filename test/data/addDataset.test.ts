/** A data set is added by its row alone: settings, training, checkpoint and evaluation know it. */
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { resolveConfig } from '#uafer/config/resolve.js';
import { addDataset } from '#uafer/data/datasets.js';
import { createTask, evaluateCheckpoint, addDataset as publicAddDataset, train } from '#uafer/train/index.js';
import { writeDataset } from '../support/madeUpPictures.js';
import { temporaryFolder } from '../support/pictures.js';
import { SMALL_PRETRAINING } from '../support/smallPretraining.js';

const folder = temporaryFolder();
afterAll(() => folder[Symbol.dispose]());

/** The pictures of `mine`, whose list is in this program. */
beforeAll(async () => {
  const { train: training, test, classes } = await writeDataset(join(folder.path, 'pictures'), { size: 16 });
  addDataset({
    name: 'mine',
    classes,
    load: ({ dataPath, parts }) => ({
      name: 'mine',
      root: dataPath,
      classes,
      train: parts === 'all' ? training : [],
      test,
    }),
    resize: 'square-bilinear',
    augment: 'none',
    draw: 'imbalanced',
    decisive: 'meanClassAccuracy',
  });
});

const options = (out: string) => ({
  task: 'pretrain',
  dataset: 'mine',
  dataPath: join(folder.path, 'pictures'),
  out: join(folder.path, out),
  device: 'cpu',
  threads: 1,
  workers: 0,
  'optimizer.epochs': 1,
  'optimizer.batchSize': 8,
  'data.augment': 'default',
  'model.topk': 4,
  pretrain: { ...SMALL_PRETRAINING.pretrain, templates: ['{class}'] },
});

it('is trained, decided by its own metric, and evaluated without its training pictures', async () => {
  const config = resolveConfig({ recipe: 'small-clip', options: options('run') });
  const { best, metrics } = await train(createTask(config), config);
  expect(best?.metric).toBe('meanClassAccuracy');
  for (let i = 0; i < 24; i++) rmSync(join(folder.path, 'pictures', `train_${i}.png`));
  const evaluation = await evaluateCheckpoint(config.out, config);
  expect(evaluation.metrics).toEqual(metrics);
});

it('cannot be added twice', () => {
  const row = { name: 'mine', resize: 'shorter-bicubic', augment: 'none', draw: 'shuffle', decisive: 'accuracy' } as const;
  const load = () => {
    throw new Error('never loaded');
  };
  expect(() => publicAddDataset({ ...row, load })).toThrow(/There is a data set "mine" already/);
});

it('is told among those that there are when a name is misspelt', () => {
  const misspelt = () => resolveConfig({ options: { ...options('other'), dataset: 'mime' } });
  expect(misspelt).toThrow(/--dataset: expected one of rafdb, .*mine, got "mime"\. Did you mean "mine"/);
});
