/** What a resumed run may change, and what it must keep. */
import { createHash } from 'node:crypto';
import { basename } from 'node:path';
import { configFields } from '../config/fields.js';
import type { TrainConfig } from '../config/schema.js';
import { UaferError } from '../errors.js';
import type { CheckpointState } from './checkpoint.js';

/**
 * Settings that a resumed run may change: they change no number (or, for threads and device, only its rounding). Data and weights
 * may have moved to another place; the weights' file name must stay. `recipe` is a label: its values are in the other settings.
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
  'data.cachePictures',
  // Without it every picture so far was square, and with it every picture to come must be when it is taken away (`checkPictures`).
  'data.centerCrop',
  'optimizer.epochs',
  'optimizer.gradientCheckpointing',
  'run.logEvery',
  'run.maxSteps',
  'run.maxMinutes',
  'run.patience',
  'run.checkpointMinutes',
];

/** Settings by their dotted path, e.g. `optimizer.lr`. */
export type DecisiveSettings = Record<string, unknown>;

/** The settings that decide the numbers of a run. */
export function decisiveSettings(config: TrainConfig): DecisiveSettings {
  const named = { ...config, clipPath: basename(config.clipPath) };
  return Object.fromEntries(flatten(named).filter(([key]) => !FREE.includes(key)));
}

function flatten(value: object, prefix = ''): [string, unknown][] {
  return Object.entries(value).flatMap(([key, item]) =>
    item !== null && typeof item === 'object' && !Array.isArray(item)
      ? flatten(item, `${prefix}${key}.`)
      : [[`${prefix}${key}`, item] as [string, unknown]],
  );
}

/**
 * Throws `USAGE` naming every setting of `wanted` that differs from the run's own and would change its numbers. More epochs are
 * allowed: the learning rate then follows the longer schedule from here on, which is not the run that had it from its start.
 */
export function checkResume(saved: TrainConfig, wanted: TrainConfig): void {
  const lines = differences(decisiveSettings(saved), decisiveSettings(wanted)).map((difference) => `  ${told(difference)}`);
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

/** What more than the decisive settings says when a run ends, and on what data. */
const ENDS_AND_DATA = ['dataPath', 'data.extraPath', 'optimizer.epochs', 'run.maxSteps', 'run.maxMinutes', 'run.patience'];

/**
 * A line for each setting of a run by which it would not be the one that is wanted: those that decide its numbers, its data and when it
 * ends. Empty for a run that is.
 */
export function changedSettings(saved: TrainConfig, wanted: TrainConfig): string[] {
  const settings = (config: TrainConfig): DecisiveSettings => ({
    ...decisiveSettings(config),
    // Weights of the same name in another place may be others.
    clipPath: config.clipPath,
    ...Object.fromEntries(flatten(config).filter(([key]) => ENDS_AND_DATA.includes(key))),
  });
  const [before, after] = [settings(saved), settings(wanted)];
  const ends = ENDS_AND_DATA.filter((key) => JSON.stringify(before[key]) !== JSON.stringify(after[key]));
  return [...differences(before, after), ...ends.map((key) => ({ key, before: before[key], after: after[key] }))].map(told);
}

/**
 * Throws `CHECKPOINT` naming every setting that the checkpoint in `folder` was written with otherwise than `configFile` has it now.
 * Settings may be added to the program: one that the checkpoint lacks counts as its default. A checkpoint that has a hash alone cannot say
 * which it was.
 */
export function checkSettings(
  { settings, configHash: hash }: Pick<CheckpointState, 'settings' | 'configHash'>,
  config: TrainConfig,
  folder: string,
  configFile: string,
): void {
  const differing = settings ? differences(settings, decisiveSettings(config)) : [];
  if (settings ? differing.length === 0 : hash !== undefined && hashes(config).includes(hash)) return;
  const lines = differing.map(({ key, before, after }) => `\n  ${key}: ${show(before)} then, ${show(after)} now`);
  throw new UaferError(
    'CHECKPOINT',
    `${folder} was written with other options than ${configFile} has now. Undo the change to that file.${lines.join('')}`,
  );
}

interface Difference {
  key: string;
  before: unknown;
  after: unknown;
}

const told = ({ key, before, after }: Difference) => `${key}: the run has ${show(before)}, asked for ${show(after)}`;

function differences(saved: DecisiveSettings, wanted: DecisiveSettings): Difference[] {
  // A setting may have become free since the checkpoint was written.
  const keys = new Set([...Object.keys(saved), ...Object.keys(wanted)].filter((key) => !FREE.includes(key)));
  const valueIn = (settings: DecisiveSettings, key: string) =>
    key in settings ? settings[key] : configFields.get(key)?.default;
  return [...keys]
    .map((key) => ({ key, before: valueIn(saved, key), after: valueIn(wanted, key) }))
    .filter(({ before, after }) => JSON.stringify(before) !== JSON.stringify(after));
}

function show(value: unknown): string {
  return value === undefined ? 'nothing' : JSON.stringify(value);
}

/** Settings that are younger than the hash. */
const YOUNGER_THAN_HASH = [
  'model.fusion',
  'model.learnedScale',
  'loss.lambdaBranch',
  'loss.target',
  'loss.distillation',
  'optimizer.clipGrad',
  'optimizer.stemRate',
  'optimizer.stemDecay',
  'optimizer.fixStem',
  'optimizer.beta2',
  'data.colour',
  'data.countedVotes',
  'data.mixup',
  'data.cachePrefix',
  'data.ferplusTest',
  'data.subjectPattern',
  'data.validShare',
  'data.extraSmoothing',
];

/** The hashes of checkpoints that `config` may go on from: a centre crop was part of them, and may be changed now. */
function hashes(config: TrainConfig): string[] {
  return [true, false].map((centerCrop) => configHash({ ...config, data: { ...config.data, centerCrop } }));
}

/**
 * SHA-256 of the settings that decide a run's numbers, which checkpoints of uafer 0.1.0 kept instead of the settings. Settings that came
 * later are part of it where they are not at their defaults.
 */
export function configHash(config: TrainConfig): string {
  const settings = { ...decisiveSettings(config), 'data.centerCrop': config.data.centerCrop ?? false };
  const known = Object.entries(settings).filter(
    ([key, value]) => !YOUNGER_THAN_HASH.includes(key) || value !== configFields.get(key)?.default,
  );
  const lines = known.map(([key, value]) => `${key}=${JSON.stringify(value)}`).sort();
  return createHash('sha256').update(lines.join('\n')).digest('hex');
}
