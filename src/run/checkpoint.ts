import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { noGrad, ops, scope, type Tensor } from '../engine/index.js';
import { readSafetensors, writeSafetensors } from '../engine/safetensors.js';
import { UaferError } from '../errors.js';
import { descriptionMetadata, type ModelDescription, readDescription } from '../task/modelDescription.js';
import { type Checksum, checksumOf, verifyChecksum } from './checksum.js';
import { linkOrCopy, replaceFolder, wholeFolder } from './folderReplacement.js';

const VERSION = 1;

const progressSchema = z.strictObject({
  /** Epoch under way, from 0. */
  epoch: z.int().nonnegative(),
  /** Optimiser steps done in this epoch. */
  step: z.int().nonnegative(),
  /** Optimiser steps done in the whole run. */
  globalStep: z.int().nonnegative(),
  /** Best test metric so far and its epoch. */
  best: z.strictObject({ metric: z.string(), value: z.number(), epoch: z.int() }).nullable(),
  /** Sums of the loss and its parts over this epoch's steps. */
  totals: z.record(z.string(), z.number()),
  /** Pictures of this epoch so far, and the seconds that went into waiting for them and into computing. */
  spent: z.strictObject({ pictures: z.int(), wait: z.number(), compute: z.number() }),
  /** Sizes of the data set: a resumed run must see the same one. */
  samples: z.strictObject({ train: z.int(), test: z.int() }),
});

const stateSchema = progressSchema.extend({
  version: z.literal(VERSION),
  /** The settings that decide the numbers, by their paths (`resume.ts`). */
  settings: z.record(z.string(), z.unknown()).optional(),
  /** In checkpoints of uafer 0.1.0, which lack the settings: their hash. */
  configHash: z.string().optional(),
  /** State of libtorch's random generators by device, base64. */
  generators: z.record(z.string(), z.string()),
});

const fileSchema = stateSchema.extend({
  /** Checksums of the files beside it. Checkpoints of uafer 0.1.0 have none. */
  files: z.record(z.string(), z.strictObject({ bytes: z.int().nonnegative(), crc32: z.int().nonnegative() })).optional(),
});

/** Where a run stands. */
export type Progress = z.infer<typeof progressSchema>;

/** `state.json` of a checkpoint. */
export type CheckpointState = z.infer<typeof stateSchema>;

type Tensors = Record<string, Tensor>;

/** What a checkpoint folder holds. */
export interface Checkpoint extends Disposable {
  /** `model.safetensors`: every parameter and buffer by its name. */
  model: Tensors;
  /** `optimizer.safetensors`: see `optimizerTensors`. */
  optimizer: Tensors;
  /** `ema.safetensors`: the moving averages of the trained tensors; null when the run keeps none. */
  ema: Tensors | null;
  /** `state.json`. */
  state: CheckpointState;
}

const MODEL = 'model.safetensors';
const OPTIMIZER = 'optimizer.safetensors';
const EMA = 'ema.safetensors';
const STATE = 'state.json';

/**
 * Writes a checkpoint folder, in place of the one that may be there. At every moment `folder`, or `folder.next` beside it, is a
 * whole checkpoint, so that a process killed here loses nothing.
 */
export function writeCheckpoint(
  folder: string,
  checkpoint: Pick<Checkpoint, 'model' | 'optimizer' | 'ema'> & {
    state: Omit<CheckpointState, 'version'>;
    description?: ModelDescription;
  },
): void {
  const { model, optimizer, ema, state, description } = checkpoint;
  replaceFolder(folder, STATE, (partial) => {
    writeSafetensors(join(partial, MODEL), model, { format: 'pt', ...(description && descriptionMetadata(description)) });
    writeSafetensors(join(partial, OPTIMIZER), optimizer, { format: 'pt' });
    if (ema) writeSafetensors(join(partial, EMA), ema, { format: 'pt' });
    const files = readdirSync(partial).map((name) => [name, checksumOf(join(partial, name))] as const);
    writeState(partial, state, Object.fromEntries(files));
  });
}

/** Makes `to`, which may be `from` itself, the checkpoint `from` with another state: its tensors stay as they are. */
export function restateCheckpoint(from: string, to: string, state: Omit<CheckpointState, 'version'>): void {
  const { files } = readState(requireFolder(from));
  replaceFolder(to, STATE, (partial) => {
    linkFiles(from, partial, (name) => name !== STATE);
    writeState(partial, state, files);
  });
}

/** Makes `to` the same checkpoint as `from`, by hard links where the file system has them: checkpoint files are never changed. */
export function copyCheckpoint(from: string, to: string): void {
  replaceFolder(to, STATE, (partial) => linkFiles(from, partial));
}

function linkFiles(from: string, to: string, wanted: (name: string) => boolean = () => true): void {
  const folder = requireFolder(from);
  for (const name of readdirSync(folder).filter(wanted)) linkOrCopy(join(folder, name), join(to, name));
}

function writeState(
  folder: string,
  state: Omit<CheckpointState, 'version'>,
  files: Record<string, Checksum> | undefined,
): void {
  writeFileSync(join(folder, STATE), `${JSON.stringify({ version: VERSION, ...state, files }, null, 1)}\n`);
}

/** The folder to read for the checkpoint `folder`: itself, or the one that a killed process had not yet renamed to it. */
export function checkpointFolder(folder: string): string | null {
  return wholeFolder(folder, STATE);
}

/**
 * Reads a checkpoint folder; disposing it frees its tensors. Throws `CHECKPOINT` naming the file that is damaged, and the key or field that
 * is wrong.
 */
export function readCheckpoint(folder: string): Checkpoint {
  const found = requireFolder(folder);
  const { files = {}, ...state } = readState(found);
  verify(found, files, Object.keys(files));
  const model = readSafetensors(join(found, MODEL)).tensors;
  const optimizer = readSafetensors(join(found, OPTIMIZER)).tensors;
  const ema = existsSync(join(found, EMA)) ? readSafetensors(join(found, EMA)).tensors : null;
  const dispose = () => {
    for (const tensors of [model, optimizer, ema ?? {}]) for (const tensor of Object.values(tensors)) tensor.dispose();
  };
  return { model, optimizer, ema, state, [Symbol.dispose]: dispose };
}

/** `state.json` of a checkpoint alone. */
export function readCheckpointState(folder: string): CheckpointState {
  const { files: _, ...state } = readState(requireFolder(folder));
  return state;
}

function readState(folder: string): z.infer<typeof fileSchema> {
  const path = join(folder, STATE);
  const parsed = fileSchema.safeParse(parseJson(path));
  if (parsed.success) return parsed.data;
  throw new UaferError(
    'CHECKPOINT',
    `${path} is not the state of a checkpoint of version ${VERSION}:\n${z.prettifyError(parsed.error)}`,
  );
}

/** What a checkpoint says of its model beside the weights; null for one of uafer 0.1.0. Throws `CHECKPOINT`. */
export function readCheckpointDescription(folder: string): ModelDescription | null {
  return readDescription(join(requireFolder(folder), MODEL));
}

/** The weights to evaluate: the moving averages where the checkpoint has them, laid over the others. Throws `CHECKPOINT`. */
export function readCheckpointWeights(folder: string): Tensors {
  const found = requireFolder(folder);
  verify(found, readState(found).files ?? {}, [MODEL, EMA]);
  const model = readSafetensors(join(found, MODEL)).tensors;
  const ema = join(found, EMA);
  return existsSync(ema) ? { ...model, ...readSafetensors(ema).tensors } : model;
}

function verify(folder: string, files: Readonly<Record<string, Checksum>>, names: readonly string[]): void {
  for (const name of names) {
    const written = files[name];
    if (written) verifyChecksum(join(folder, name), written);
  }
}

function requireFolder(folder: string): string {
  const found = checkpointFolder(folder);
  if (found) return found;
  throw new UaferError('CHECKPOINT', `${folder} is not a checkpoint: expected a folder with ${MODEL} and ${STATE}.`);
}

function parseJson(path: string): unknown {
  try {
    return JSON.parse(readFileSync(path, 'utf8'));
  } catch (cause) {
    throw new UaferError('CHECKPOINT', `${path} is not JSON: ${(cause as Error).message}`, { cause });
  }
}

/**
 * Copies `source` into `target` in place, name by name. Throws `CHECKPOINT` when the names or shapes differ, naming the first that
 * does; `where` (the file) stands in the message.
 */
export function restoreTensors(target: Readonly<Tensors>, source: Readonly<Tensors>, where: string): void {
  const unknown = Object.keys(source).find((name) => !(name in target));
  if (unknown !== undefined) throw new UaferError('CHECKPOINT', `${where} holds "${unknown}", which this model does not have.`);
  for (const [name, tensor] of Object.entries(target)) {
    const saved = source[name];
    if (!saved) throw new UaferError('CHECKPOINT', `${where} lacks "${name}".`);
    if (saved.shape.join() !== tensor.shape.join()) {
      throw new UaferError(
        'CHECKPOINT',
        `${where}: "${name}" has shape [${saved.shape}], this model expects [${tensor.shape}].`,
      );
    }
  }
  noGrad(() =>
    scope(() => {
      for (const [name, tensor] of Object.entries(target)) ops.copy_(tensor, source[name] as Tensor);
    }),
  );
}
