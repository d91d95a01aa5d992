/** A backbone behind a separable stem through the real commands: pre-trained, interrupted, fine-tuned, evaluated, saved and exported. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readClip } from '#uafer/clip/readClip.js';
import { toArray, writeTorchSave } from '#uafer/engine/index.js';
import { readCheckpointWeights } from '#uafer/run/checkpoint.js';
import { type Outcome, uafer } from '../cli/run.js';
import { writeTinyProject } from '../cli/tinyProject.js';

const SEPARABLE = `
pretrain: { stem: [4, 6, 8], stemKind: separable, imageSize: 16, visionWidth: 64, visionLayers: 2, textWidth: 64, textLayers: 1,
  contextLength: 16, vocabularySize: 600, embedDim: 16, templates: ['{class}'], localWeight: 0.5, mixup: 0.2,
  logitAdjustment: 0.5 }
optimizer: { fixStem: 1, stemRate: 2, stemDecay: 0.9, ema: 0.9 }
data: { augment: soft }
`;

let folder: string;
const run = async (...args: string[]): Promise<Outcome> => {
  const outcome = await uafer([...args, '--quiet'], { cwd: folder });
  expect(outcome, args.join(' ')).toMatchObject({ code: 0, stderr: '' });
  return outcome;
};
const pretrain = (out: string, ...args: string[]) =>
  run('train', '--recipe', 'tiny.yaml', '--config', 'separable.yaml', '--data-path', 'faces', '--out', out, ...args);
const finetune = (out: string, ...args: string[]) =>
  run(
    'train',
    '--clip-path',
    'clip.safetensors',
    '--dataset',
    'folder',
    '--data-path',
    'faces',
    '--out',
    out,
    '--device',
    'cpu',
    '--topk',
    '4',
    '--batch-size',
    '4',
    '--epochs',
    '1',
    '--warmup-epochs',
    '0',
    ...args,
  );
const weightsOf = (out: string) => readCheckpointWeights(join(folder, out, 'checkpoints', 'last'));

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'uafer-separable-'));
  await writeTinyProject(folder);
  writeFileSync(join(folder, 'separable.yaml'), SEPARABLE);
  await pretrain('first');
  writeFileSync(join(folder, 'clip.safetensors'), readFileSync(join(folder, 'first/checkpoints/last/model.safetensors')));
  await finetune('tuned', '--fix-layer', '-1', '--fix-stem', '2');
}, 120_000);
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe('a backbone behind a separable stem', () => {
  it('opens by its shapes', () => {
    const { architecture } = readClip(join(folder, 'clip.safetensors'), { requireText: true });
    expect(architecture.vision).toMatchObject({
      patchSize: 4,
      imageSize: 16,
      stem: { kind: 'separable', channels: [4, 6, 8] },
    });
  });

  it('goes on after an interruption to the same bits', async () => {
    await pretrain('parts', '--max-steps', '3');
    await run('train', '--resume', 'parts', '--max-steps', '0');
    const [whole, parts] = [weightsOf('first'), weightsOf('parts')];
    for (const [name, values] of Object.entries(whole)) expect(toArray(parts[name] as never), name).toEqual(toArray(values));
  });

  it('is fine-tuned by UA-FER, with as much of it frozen as is asked for', async () => {
    await finetune('frozen', '--fix-layer', '1');
    const start = readClip(join(folder, 'clip.safetensors')).vision.weights;
    const changed = (out: string) => {
      const now = Object.entries(weightsOf(out)).filter(([name]) => name in start);
      return now
        .filter(([name, values]) => toArray(values).join() !== toArray(start[name] as never).join())
        .map(([name]) => name);
    };
    const stem = (names: string[]) => names.filter((name) => /stem\.(conv|bn)/.test(name) && !/running/.test(name)).sort();
    // The first two layers are three convolutions; of the third, both have changed.
    expect(stem(changed('tuned'))).toEqual(
      ['bn4.bias', 'bn4.weight', 'bn5.bias', 'bn5.weight', 'conv4.weight', 'conv5.weight'].map((part) => `stem.${part}`),
    );
    expect(stem(changed('frozen'))).toEqual([]);
    expect(changed('frozen').filter((name) => /resblocks\.0|stem\.proj/.test(name))).toEqual([]);
    expect(changed('frozen').some((name) => /resblocks\.1/.test(name))).toBe(true);
  }, 60_000);

  it('says how deep the stem is to who would freeze more', async () => {
    const args = [
      'train',
      '--clip-path',
      'clip.safetensors',
      '--dataset',
      'folder',
      '--data-path',
      'faces',
      '--out',
      'deep',
      '--topk',
      '4',
    ];
    const { code, stderr } = await uafer([...args, '--fix-layer', '-1', '--fix-stem', '9'], { cwd: folder });
    expect(code).toBe(2);
    expect(stderr).toMatch(/--fix-stem 9: these weights have a stem of 3 layers/);
  });

  it('answers the same from safetensors, from .pth and exported', async () => {
    const weights = weightsOf('tuned');
    writeTorchSave(join(folder, 'tuned.pth'), weights);
    const test = [
      '--data-path',
      'faces',
      '--dataset',
      'folder',
      '--clip-path',
      'clip.safetensors',
      '--topk',
      '4',
      '--device',
      'cpu',
    ];
    await run('eval', '--checkpoint', 'tuned', '--predictions', 'run.json');
    await run('eval', '--checkpoint', 'tuned.pth', '--predictions', 'pth.json', ...test);
    const rows = (file: string) => JSON.parse(readFileSync(join(folder, file), 'utf8')).rows;
    expect(rows('pth.json')).toEqual(rows('run.json'));
    const { stdout } = await uafer(['export', 'tuned', '--to', 'exported', '--json'], { cwd: folder });
    // Rounding in single precision.
    expect(JSON.parse(stdout).comparison.largestDifference).toBeLessThan(1e-4);
  }, 60_000);
});
