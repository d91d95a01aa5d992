import { mkdirSync, mkdtempSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { defaultRunPath } from '#uafer/config/defaultRunPath.js';
import { checkResume, configHash } from '#uafer/run/resume.js';
import { createRunFolder, findRun, readRunConfig } from '#uafer/run/runFolder.js';
import { testConfig } from '../support/runConfig.js';

let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'uafer-runs-'));
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

test('a run is named by its time, data set and recipe', () => {
  const config = { dataset: 'rafdb', recipe: 'released' } as const;
  expect(defaultRunPath(config, new Date(2026, 4, 1, 9, 5, 7))).toBe(join('runs', '2026-05-01-090507-rafdb-released'));
  const own = { ...config, recipe: 'my/recipes/mine.yaml' };
  expect(defaultRunPath(own, new Date(2026, 4, 1))).toBe(join('runs', '2026-05-01-000000-rafdb-mine'));
});

test('the configuration of a run is read back as it was written', () => {
  const config = testConfig(join(root, 'run'));
  createRunFolder(config);
  expect(readRunConfig(config.out)).toEqual(config);
});

test('a folder that holds a run is not made again', () => {
  const config = testConfig(join(root, 'run'));
  createRunFolder(config);
  expect(() => createRunFolder(config)).toThrow(
    /holds a run already\. Continue it with --resume .*, or choose another folder with --out/,
  );
});

test('a configuration that was damaged is named', () => {
  const config = testConfig(join(root, 'run'));
  const folder = createRunFolder(config);
  writeFileSync(folder.config, 'optimizer: [');
  expect(() => readRunConfig(config.out)).toThrow(/config\.yaml/);
  writeFileSync(folder.config, 'seed: -1');
  expect(() => readRunConfig(config.out)).toThrow(/config\.yaml[\s\S]*seed/);
});

test('bare --resume finds the run that wrote last; a run folder is itself', () => {
  for (const [name, time] of [
    ['a', 100],
    ['b', 300],
    ['c', 200],
  ] as const) {
    const folder = createRunFolder(testConfig(join(root, name)));
    mkdirSync(folder.last, { recursive: true });
    writeFileSync(join(folder.last, 'state.json'), '{}');
    utimesSync(join(folder.last, 'state.json'), time, time);
  }
  mkdirSync(join(root, 'z-not-a-run'));
  expect(findRun(root)).toBe(join(root, 'b'));
  expect(findRun(join(root, 'a'))).toBe(join(root, 'a'));
});

test('nothing to resume is an error that says where was looked', () => {
  expect(() => findRun(root)).toThrow(/No run to resume in /);
  expect(() => findRun(join(root, 'none'))).toThrow(/none/);
});

test('a resumed run may change what changes no number', () => {
  const saved = testConfig(root);
  const wanted = testConfig('elsewhere', {
    workers: 7,
    threads: 3,
    dataPath: '/moved/pictures',
    clipPath: '/moved/clip.safetensors',
    optimizer: { epochs: 9 },
    run: { maxSteps: 5, patience: 2, logEvery: 3, maxMinutes: 1, checkpointMinutes: 1 },
  });
  expect(() => checkResume(saved, wanted)).not.toThrow();
  expect(configHash(wanted)).toBe(configHash(saved));
});

test('a resumed run may not change what decides its numbers: every such option is named', () => {
  const saved = testConfig(root);
  const wanted = testConfig(root, { seed: 1, clipPath: 'other.safetensors', optimizer: { lr: 1 } });
  expect(() => checkResume(saved, wanted)).toThrow(
    /clipPath: the run has "clip\.safetensors"[\s\S]*seed: the run has 42, asked for 1[\s\S]*optimizer\.lr: the run has 0\.01/,
  );
  expect(configHash(wanted)).not.toBe(configHash(saved));
  expect(() => checkResume(saved, testConfig(root, { optimizer: { epochs: 2 } }))).toThrow(/epochs.*may only grow/);
});
