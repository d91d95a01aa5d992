import { join } from 'node:path';
import { resolveConfig } from '../config/resolve.js';
import type { TrainConfig } from '../config/schema.js';
import { holdsRun, runFolder } from '../run/runFolder.js';

/** The settings that a model's answers depend on. */
export const SETTINGS_OF_A_MODEL =
  /^(recipe|dataset|dataPath|clipPath|device|precision|threads|workers)$|^(model|loss)\.|^optimizer\.testBatchSize$|^data\.(centerCrop|subjectPattern|allowUnreadable|cachePictures)$/;

/** Those that say which pictures of a data set its test part are, and so which are held out of training. */
export const SETTINGS_OF_TEST_PICTURES = /^data\.(ferplusTest|folds|fold|foldList)$/;

interface CheckpointSettings {
  config?: string | undefined;
  recipe?: string | undefined;
  /** By dotted path. */
  values: Record<string, unknown>;
}

/** The configuration to read a checkpoint with: its run's own, where it belongs to one; the options go over it. */
export function checkpointConfig(
  checkpoint: string,
  { config, recipe, values }: CheckpointSettings,
  onNote: (line: string) => void,
): TrainConfig {
  const run = runOf(checkpoint);
  const configFile = config ?? (run ? runFolder(run).config : undefined);
  return resolveConfig({ recipe, configFile, options: values, onNote });
}

/** The run that a path is, or lies in: `run`, `run/checkpoints/best`, `run/checkpoints/best/model.safetensors`. */
export function runOf(path: string): string | null {
  return [path, join(path, '../..'), join(path, '../../..')].find(holdsRun) ?? null;
}
