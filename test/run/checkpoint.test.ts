import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type Tensor, tensor, toArray, writeSafetensors } from '#uafer/engine/index.js';
import {
  type CheckpointState,
  copyCheckpoint,
  readCheckpoint,
  readCheckpointDescription,
  readCheckpointState,
  readCheckpointWeights,
  restoreTensors,
  writeCheckpoint,
} from '#uafer/run/checkpoint.js';

let folder: string;
let last: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'uafer-checkpoint-'));
  last = join(folder, 'last');
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const state = (globalStep: number): Omit<CheckpointState, 'version'> => ({
  epoch: 2,
  step: 3,
  globalStep,
  best: { metric: 'accuracy', value: 0.75, epoch: 1 },
  totals: { loss: 1.2345678901234567 },
  spent: { pictures: 18, wait: 0.5, compute: 11.25 },
  samples: { train: 100, test: 10 },
  configHash: 'abc',
  generators: { cpu: 'AAAA' },
});

function write(globalStep: number, ema: Record<string, Tensor> | null = null): void {
  const model = { 'conv1.weight': tensor([1, 2, 3, globalStep], [2, 2]), count: tensor(BigInt64Array.of(5n), []) };
  writeCheckpoint(last, { model, optimizer: { 'conv1.weight/step': tensor([4], []) }, ema, state: state(globalStep) });
}

describe('a checkpoint folder', () => {
  test('gives back what was written, bit for bit', () => {
    write(7, { 'conv1.weight': tensor([0.1, 0.2, 0.3, 0.4], [2, 2]) });
    using read = readCheckpoint(last);
    expect(read.state).toEqual({ version: 1, ...state(7) });
    expect(toArray(read.model['conv1.weight'] as Tensor)).toEqual([1, 2, 3, 7]);
    expect(read.model.count?.dtype).toBe('int64');
    expect(toArray(read.optimizer['conv1.weight/step'] as Tensor)).toEqual([4]);
    expect(read.ema?.['conv1.weight']?.shape).toEqual([2, 2]);
  });

  test('gives the averages, laid over the rest of the model, as the weights to evaluate', () => {
    write(7, { 'conv1.weight': tensor([5, 6, 7, 8], [2, 2]) });
    const weights = readCheckpointWeights(last);
    expect(toArray(weights['conv1.weight'] as Tensor)).toEqual([5, 6, 7, 8]);
    expect(Object.keys(weights).sort()).toEqual(['conv1.weight', 'count']);
  });

  test('is replaced whole, and nothing is left beside it', () => {
    write(1);
    write(2);
    expect(readCheckpointState(last).globalStep).toBe(2);
    expect(readdirSync(folder)).toEqual(['last']);
  });

  test('is copied without a second copy of its bytes', () => {
    write(1);
    copyCheckpoint(last, join(folder, 'best'));
    const node = (which: string) => statSync(join(folder, which, 'model.safetensors')).ino;
    expect(node('best')).toBe(node('last'));
    write(2);
    expect(readCheckpointState(join(folder, 'best')).globalStep).toBe(1);
  });
});

describe('a process killed while it writes a checkpoint', () => {
  test('before the new one is whole leaves the old one', () => {
    write(1);
    mkdirSync(`${last}.partial`);
    writeFileSync(join(`${last}.partial`, 'model.safetensors'), 'half');
    expect(readCheckpointState(last).globalStep).toBe(1);
    write(2);
    expect(readCheckpointState(last).globalStep).toBe(2);
    expect(readdirSync(folder)).toEqual(['last']);
  });

  test('between the two renames leaves the new one', () => {
    write(1);
    cpSync(last, join(folder, 'first'), { recursive: true });
    write(2);
    renameSync(last, `${last}.next`);
    renameSync(join(folder, 'first'), `${last}.old`);
    using read = readCheckpoint(last);
    expect(read.state.globalStep).toBe(2);
    write(3);
    expect(readCheckpointState(last).globalStep).toBe(3);
    expect(readdirSync(folder)).toEqual(['last']);
  });

  test('before it removed the old one leaves the new one', () => {
    write(1);
    cpSync(last, `${last}.old`, { recursive: true });
    write(2);
    expect(existsSync(`${last}.old`)).toBe(false);
  });
});

describe('a broken checkpoint is refused by name', () => {
  test('a folder that is none', () => {
    expect(() => readCheckpoint(folder)).toThrow(
      /is not a checkpoint: expected a folder with model\.safetensors and state\.json/,
    );
  });

  test('a state that lacks a field, or is of another version', () => {
    write(1);
    const path = join(last, 'state.json');
    const { step: _, ...rest } = JSON.parse(readFileSync(path, 'utf8'));
    writeFileSync(path, JSON.stringify({ ...rest, version: 2 }));
    expect(() => readCheckpoint(last)).toThrow(/state\.json.*version 1[\s\S]*at step[\s\S]*at version/);
  });

  test('a state cut short', () => {
    write(1);
    writeFileSync(join(last, 'state.json'), '{"epoch": 1');
    expect(() => readCheckpoint(last)).toThrow(/state\.json is not JSON/);
  });

  test('weights that are missing, too many or of another shape', () => {
    const target = { weight: tensor([0, 0], [2]), bias: tensor([0], [1]) };
    expect(() => restoreTensors(target, { weight: tensor([1, 1], [2]) }, 'm')).toThrow('m lacks "bias"');
    const wrong = { weight: tensor([1], [1]), bias: tensor([1], [1]) };
    expect(() => restoreTensors(target, wrong, 'm')).toThrow('m: "weight" has shape [1], this model expects [2]');
    expect(() => restoreTensors(target, { ...target, extra: tensor([1], [1]) }, 'm')).toThrow('m holds "extra"');
    expect(toArray(target.weight)).toEqual([0, 0]);
  });
});

describe('what belongs to the model', () => {
  const description = {
    classes: ['happy', 'sad'],
    preprocessing: {
      imageSize: 48,
      resize: 'square-bilinear',
      colour: 'rgb',
      mean: [0.5, 0.4, 0.3],
      deviation: [0.2, 0.25, 0.3],
    },
  } as const;
  const model = { w: tensor([1], [1]) };

  test('is written with the weights and read again', () => {
    writeCheckpoint(last, { model, optimizer: {}, ema: null, state: state(1), description });
    expect(readCheckpointDescription(last)).toEqual(description);
  });

  test('is absent in a checkpoint of an earlier version', () => {
    write(1);
    expect(readCheckpointDescription(last)).toBeNull();
  });

  test('that makes no sense is an error that names the file', () => {
    mkdirSync(last);
    writeSafetensors(join(last, 'model.safetensors'), model, { uafer: '{"classes": ["one"]}' });
    writeFileSync(join(last, 'state.json'), '{}');
    expect(() => readCheckpointDescription(last)).toThrow(
      /model\.safetensors: what its metadata say of the model cannot be understood/,
    );
  });
});
