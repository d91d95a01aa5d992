import { rmSync } from 'node:fs';
import { expect, it } from 'vitest';
import { resolveConfig } from '#uafer/config/resolve.js';
import { ops, scope } from '#uafer/engine/index.js';
import { createTask } from '#uafer/tasks/createTask.js';
import { writeTinyProject } from '../cli/tinyProject.js';
import { temporaryFolder } from '../support/pictures.js';

it('draws its weights by the seed alone, whatever was drawn before', async () => {
  using folder = temporaryFolder();
  await writeTinyProject(folder.path);
  const config = (seed: number) =>
    resolveConfig({
      recipe: `${folder.path}/tiny.yaml`,
      options: { dataPath: `${folder.path}/faces`, out: `${folder.path}/run`, seed },
    });
  const weights = (seed: number) =>
    Object.entries(createTask(config(seed)).state).map(([name, tensor]) => [name, tensor.data()]);
  const first = weights(1);
  scope(() => void ops.randn([1000]));
  expect(weights(1)).toEqual(first);
  expect(weights(2)).not.toEqual(first);
  rmSync(`${folder.path}/run`, { recursive: true, force: true });
});
