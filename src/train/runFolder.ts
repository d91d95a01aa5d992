import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { basename, join, resolve } from 'node:path';
import { parse, stringify } from 'yaml';
import { z } from 'zod';
import { UaferError } from '../errors.js';
import { writeFileAtomically } from '../files.js';
import { checkpointFolder } from './checkpoint.js';
import { type TrainConfig, trainConfigSchema } from './config.js';

/** The files of a run, by path. */
export interface RunFolder {
  path: string;
  config: string;
  log: string;
  metrics: string;
  report: string;
  last: string;
  best: string;
}

export function runFolder(path: string): RunFolder {
  return {
    path,
    config: join(path, 'config.yaml'),
    log: join(path, 'log.jsonl'),
    metrics: join(path, 'metrics.json'),
    report: join(path, 'report.html'),
    last: join(path, 'checkpoints', 'last'),
    best: join(path, 'checkpoints', 'best'),
  };
}

/** `runs/2026-05-01-093000-rafdb-released`: local time to the second, so that runs sort by age. */
export function defaultRunPath(config: Pick<TrainConfig, 'dataset' | 'recipe'>, now: Date): string {
  const two = (value: number) => String(value).padStart(2, '0');
  const day = `${now.getFullYear()}-${two(now.getMonth() + 1)}-${two(now.getDate())}`;
  const time = `${two(now.getHours())}${two(now.getMinutes())}${two(now.getSeconds())}`;
  return join('runs', `${day}-${time}-${config.dataset}-${basename(config.recipe).replace(/\.ya?ml$/, '')}`);
}

export function holdsRun(path: string): boolean {
  return existsSync(runFolder(path).config);
}

/** Throws `USAGE` when `path` holds a run already. */
export function refuseOverwrite(path: string): void {
  if (!holdsRun(path)) return;
  throw new UaferError(
    'USAGE',
    `${path} holds a run already. Continue it with --resume ${path}, or choose another folder with --out.`,
  );
}

/** Makes the folder of a new run and writes its `config.yaml`. Throws `USAGE` when it holds a run already. */
export function createRunFolder(config: TrainConfig): RunFolder {
  refuseOverwrite(config.out);
  const folder = runFolder(config.out);
  mkdirSync(folder.path, { recursive: true });
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

/**
 * Options that a resumed run may change: they change no number (or, for threads and device, only its rounding). Data and weights
 * may have moved to another place; the weights' file name must stay. `recipe` is a label: its values are in the other options.
 * `epochs` may grow (see `checkResume`).
 */
const FREE = [
  'out',
  'recipe',
  'dataPath',
  'workers',
  'threads',
  'device',
  'data.extraPath',
  'data.allowUnreadable',
  'optimizer.epochs',
  'run.logEvery',
  'run.maxSteps',
  'run.maxMinutes',
  'run.patience',
  'run.checkpointMinutes',
];

/** The options that decide the numbers of a run, flat: `optimizer.lr` -> 1e-4. */
function decisive(config: TrainConfig): Map<string, unknown> {
  const named = { ...config, clipPath: basename(config.clipPath) };
  return new Map(flatten(named).filter(([key]) => !FREE.includes(key)));
}

function flatten(value: object, prefix = ''): [string, unknown][] {
  return Object.entries(value).flatMap(([key, item]) =>
    item !== null && typeof item === 'object' && !Array.isArray(item)
      ? flatten(item, `${prefix}${key}.`)
      : [[`${prefix}${key}`, item] as [string, unknown]],
  );
}

/** SHA-256 of the options that decide a run's numbers. */
export function configHash(config: TrainConfig): string {
  const lines = [...decisive(config)].map(([key, value]) => `${key}=${JSON.stringify(value)}`).sort();
  return createHash('sha256').update(lines.join('\n')).digest('hex');
}

/**
 * Throws `USAGE` naming every option of `wanted` that differs from the run's own and would change its numbers. More epochs are
 * allowed: the learning rate then follows the longer schedule from here on, which is not the run that had it from its start.
 */
export function checkResume(saved: TrainConfig, wanted: TrainConfig): void {
  const before = decisive(saved);
  const after = decisive(wanted);
  const keys = new Set([...before.keys(), ...after.keys()]);
  const differing = [...keys].filter((key) => JSON.stringify(before.get(key)) !== JSON.stringify(after.get(key)));
  const lines = differing.map((key) => `  ${key}: the run has ${show(before.get(key))}, asked for ${show(after.get(key))}`);
  if (wanted.optimizer.epochs < saved.optimizer.epochs) {
    lines.push(
      `  optimizer.epochs: the run has ${saved.optimizer.epochs}, asked for ${wanted.optimizer.epochs} (it may only grow)`,
    );
  }
  if (lines.length === 0) return;
  throw new UaferError(
    'USAGE',
    `A resumed run keeps the options that decide its numbers. These differ:\n${lines.join('\n')}\nLeave them out, or start a new run with --out.`,
  );
}

function show(value: unknown): string {
  return value === undefined ? 'nothing' : JSON.stringify(value);
}
