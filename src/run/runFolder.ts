import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { parse, stringify } from 'yaml';
import { z } from 'zod';
import { CONFIG_FILE } from '../config/defaultRunPath.js';
import { type TrainConfig, trainConfigSchema } from '../config/schema.js';
import { UaferError } from '../errors.js';
import { makeFolder, writeFileAtomically } from '../files.js';
import { shellWord } from '../shown.js';
import { checkpointFolder } from './checkpoint.js';

/** The files of a run, by path. */
export interface RunFolder {
  path: string;
  config: string;
  log: string;
  metrics: string;
  /** What the model of `metrics` answered to each test picture. */
  predictions: string;
  report: string;
  /** Checkpoints: the latest one, and the one with the best test metric. */
  last: string;
  best: string;
  /** The best of the epochs, while `best` is that of a limit in the middle of one; there only until the run goes on. */
  bestEpoch: string;
}

export function runFolder(path: string): RunFolder {
  return {
    path,
    config: join(path, CONFIG_FILE),
    log: join(path, 'log.jsonl'),
    metrics: join(path, 'metrics.json'),
    predictions: join(path, 'test-predictions.json'),
    report: join(path, 'report.html'),
    last: join(path, 'checkpoints', 'last'),
    best: join(path, 'checkpoints', 'best'),
    bestEpoch: join(path, 'checkpoints', 'best-epoch'),
  };
}

export function holdsRun(path: string): boolean {
  return existsSync(runFolder(path).config);
}

/** Throws `USAGE` when `path` holds a run already. */
export function refuseOverwrite(path: string): void {
  if (!holdsRun(path)) return;
  throw new UaferError(
    'USAGE',
    `${path} holds a run already. Continue it with --resume ${shellWord(path)}, or choose another folder with --out.`,
  );
}

/** Makes the folder of a new run and writes its `config.yaml`. Throws `USAGE` when it holds a run already. */
export function createRunFolder(config: TrainConfig): RunFolder {
  refuseOverwrite(config.out);
  const folder = runFolder(config.out);
  makeFolder(folder.path);
  writeRunConfig(folder, config);
  return folder;
}

/** Writes `config.yaml`, whole or not at all. */
export function writeRunConfig(folder: RunFolder, config: TrainConfig): void {
  writeFileAtomically(folder.config, stringify(config));
}

/**
 * The run to go on with: `path` itself when it holds a run, else the run in it that wrote last. Throws `USAGE` when there is none.
 */
export function findRun(path = 'runs'): string {
  if (holdsRun(path)) return path;
  const runs = (existsSync(path) ? readdirSync(path) : []).map((name) => join(path, name)).filter(holdsRun);
  const newest = runs.map((run) => ({ run, time: lastWritten(run) })).sort((a, b) => b.time - a.time)[0];
  if (newest) return newest.run;
  throw new UaferError(
    'USAGE',
    `No run to resume in ${resolve(path)}: expected a run folder (with config.yaml) or a folder of run folders.`,
  );
}

function lastWritten(run: string): number {
  const folder = runFolder(run);
  const checkpoint = checkpointFolder(folder.last);
  return statSync(checkpoint ? join(checkpoint, 'state.json') : folder.config).mtimeMs;
}

/** The configuration of the run in `path`. Throws `USAGE` naming the file when it is missing or not a configuration. */
export function readRunConfig(path: string): TrainConfig {
  const file = runFolder(path).config;
  try {
    return trainConfigSchema.parse(parse(readFileSync(file, 'utf8')));
  } catch (cause) {
    const reason = cause instanceof z.ZodError ? z.prettifyError(cause) : (cause as Error).message;
    throw new UaferError('USAGE', `Cannot read the run's configuration ${file}: ${reason}`, { cause });
  }
}
