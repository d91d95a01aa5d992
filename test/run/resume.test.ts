import { expect, test } from 'vitest';
import { changedSettings, checkResume, checkSettings, configHash, decisiveSettings } from '#uafer/run/resume.js';
import { testConfig } from '../support/runConfig.js';

const config = testConfig('run');
const check =
  (saved: Parameters<typeof checkSettings>[0], now = config) =>
  () =>
    checkSettings(saved, now, 'run/checkpoints/last', 'run/config.yaml');

test('a checkpoint with the same settings goes on', () => {
  expect(check({ settings: decisiveSettings(config) })).not.toThrow();
});

test('a setting that has changed since is named by key, with both values', () => {
  const changed = { ...decisiveSettings(config), 'optimizer.lr': 0.5, 'model.topk': 4 };
  expect(check({ settings: changed })).toThrow(
    /config\.yaml.*\n {2}model\.topk: 4 then, 16 now\n {2}optimizer\.lr: 0\.5 then, 0\.01 now/s,
  );
});

test('a setting that the checkpoint lacks counts as its default', () => {
  const { 'optimizer.clipGrad': _, ...younger } = decisiveSettings(config);
  expect(check({ settings: younger })).not.toThrow();
  expect(check({ settings: younger }, testConfig('run', { optimizer: { clipGrad: 2 } }))).toThrow(
    /optimizer\.clipGrad: 0 then, 2 now/,
  );
});

test('a setting that is no more counts where the checkpoint has it', () => {
  expect(check({ settings: { ...decisiveSettings(config), 'loss.gone': 1 } })).toThrow(/loss\.gone: 1 then, nothing now/);
});

test('of a checkpoint with a hash alone it is known that something differs', () => {
  expect(check({ configHash: configHash(config) })).not.toThrow();
  expect(check({ configHash: configHash(testConfig('run', { seed: 1 })) })).toThrow(/written with other options/);
});

test('a centre crop may be given and taken away: it changes no number of pictures that are square', () => {
  const cropping = testConfig('run', { data: { centerCrop: true } });
  expect(() => checkResume(config, cropping)).not.toThrow();
  expect(() => checkResume(cropping, config)).not.toThrow();
  // Checkpoints that were written while it counted as decisive.
  expect(check({ settings: { ...decisiveSettings(config), 'data.centerCrop': false } }, cropping)).not.toThrow();
  expect(check({ configHash: configHash(config) }, cropping)).not.toThrow();
  expect(check({ configHash: configHash(testConfig('run', { seed: 1 })) }, cropping)).toThrow(/other options/);
});

test('what would make a finished run another one is told, also its data and when it ends', () => {
  const other = testConfig('elsewhere', {
    dataPath: 'other',
    seed: 1,
    optimizer: { epochs: 4 },
    run: { maxSteps: 5, logEvery: 7 },
  });
  expect(changedSettings(config, { ...other, workers: 3 })).toEqual([
    'seed: the run has 42, asked for 1',
    'dataPath: the run has "pictures", asked for "other"',
    'optimizer.epochs: the run has 3, asked for 4',
    'run.maxSteps: the run has 0, asked for 5',
  ]);
  expect(changedSettings(config, testConfig('elsewhere'))).toEqual([]);
  expect(changedSettings(config, { ...config, clipPath: 'other/clip.safetensors' })).toEqual([
    'clipPath: the run has "clip.safetensors", asked for "other/clip.safetensors"',
  ]);
});
