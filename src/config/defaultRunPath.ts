import { basename, join } from 'node:path';
import type { TrainConfig } from './schema.js';

/** The file of a run's folder that holds its configuration. */
export const CONFIG_FILE = 'config.yaml';

/** `runs/2026-05-01-093000-rafdb-released`: local time to the second, so that runs sort by age. */
export function defaultRunPath(config: Pick<TrainConfig, 'dataset' | 'recipe'>, now: Date): string {
  const two = (value: number) => String(value).padStart(2, '0');
  const day = `${now.getFullYear()}-${two(now.getMonth() + 1)}-${two(now.getDate())}`;
  const time = `${two(now.getHours())}${two(now.getMinutes())}${two(now.getSeconds())}`;
  return join('runs', `${day}-${time}-${config.dataset}-${basename(config.recipe).replace(/\.ya?ml$/, '')}`);
}
