import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import sharp from 'sharp';
import { afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { main, uafer } from './run.js';
import { train, writeTinyProject } from './tinyProject.js';

let folder: string;

beforeAll(() => {
  expect(existsSync(main), 'build first: npm run build').toBe(true);
});
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'uafer-train-'));
  await writeTinyProject(folder);
});
afterEach(() => rmSync(folder, { recursive: true }));

const logLines = () =>
  readFileSync(join(folder, 'run/log.jsonl'), 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));

test('a run leaves its folder and says what came of it', async () => {
  const { code, stdout, stderr } = await uafer(train('--json', '--seed', '3'), { cwd: folder });
  expect(stderr).toContain('Finished after 8 steps.');
  expect(code).toBe(0);
  expect(JSON.parse(stdout)).toMatchObject({ ending: 'finished', steps: 8, metrics: { accuracy: expect.any(Number) } });
  expect(parse(readFileSync(join(folder, 'run/config.yaml'), 'utf8'))).toMatchObject({
    seed: 3,
    recipe: 'tiny.yaml',
    device: 'cpu',
  });
  expect(existsSync(join(folder, 'run/checkpoints/best/model.safetensors'))).toBe(true);
});

test('--quiet says nothing', async () => {
  expect(await uafer(train('--quiet', '--max-steps', '1'), { cwd: folder })).toEqual({ code: 0, stdout: '', stderr: '' });
});

test('a folder that holds a run is not written over', async () => {
  await uafer(train('--max-steps', '1'), { cwd: folder });
  const again = await uafer(train('--max-steps', '1'), { cwd: folder });
  expect(again).toMatchObject({ code: 2, stderr: expect.stringContaining('holds a run already') });
});

test('Ctrl-C ends with a checkpoint and says how to go on; the resumed run finishes', async () => {
  const stopped = await interrupted(train('--epochs', '2000', '--patience', '0'));
  expect(stopped.code).toBe(130);
  expect(stopped.stderr).toContain(`Go on with: uafer train --resume ${join(folder, 'run')}`);
  const steps = logLines().filter((line) => 'lr' in line).length;
  expect(steps).toBeGreaterThan(0);

  const resumed = await uafer(['train', '--resume', 'run', '--max-steps', String(steps + 3), '--json'], { cwd: folder });
  expect(resumed.stderr).toContain('Going on with run.');
  expect(resumed.code).toBe(0);
  expect(JSON.parse(resumed.stdout)).toMatchObject({ ending: 'maxSteps' });
});

test('a resumed run keeps its settings: another learning rate is refused by name', async () => {
  await uafer(train('--max-steps', '1'), { cwd: folder });
  const { code, stderr } = await uafer(['train', '--resume', 'run', '--lr', '0.5'], { cwd: folder });
  expect(code).toBe(2);
  expect(stderr).toContain('optimizer.lr: the run has 0.001, asked for 0.5');
});

test('pictures, classes and split are told before the training starts', async () => {
  const { stderr } = await uafer(train('--max-steps', '1'), { cwd: folder });
  expect(stderr).toMatch(
    /16 training pictures and 4 test pictures of 2 classes \(training\+test: happy 8\+2, sad 8\+2\)\nThe folder has no train and test in it[\s\S]*Training 2 epochs of 4 steps/,
  );
});

describe('one picture that is not square', () => {
  beforeEach(() =>
    sharp(join(folder, 'faces/sad/0.png')).resize(30, 20, { fit: 'fill' }).toFile(join(folder, 'faces/sad/oblong.png')),
  );

  test('has its middle cut out in a folder, by default and said', async () => {
    writeFileSync(join(folder, 'tiny.yaml'), readFileSync(join(folder, 'tiny.yaml'), 'utf8').replace(', centerCrop: true', ''));
    const { code, stderr } = await uafer(train(), { cwd: folder });
    expect(stderr).toContain('1 picture is not square: the middle is cut out (--center-crop');
    expect(code).toBe(0);
  });

  test('is refused before anything is trained or written where it is an error, by name', async () => {
    const { code, stderr } = await uafer(train('--center-crop', 'false'), { cwd: folder });
    expect(stderr).toMatch(/1 of 21 pictures is not square.*--center-crop.*\n.*oblong\.png is 30 x 20/);
    expect(stderr).not.toContain('Training');
    expect(code).toBe(1);
    expect(existsSync(join(folder, 'run'))).toBe(false);
  });

  test('that was not there when a run began is no end of it: the remedy may be given when it goes on', async () => {
    rmSync(join(folder, 'faces/sad/oblong.png'));
    await uafer(train('--center-crop', 'false', '--max-steps', '5'), { cwd: folder });
    await sharp(join(folder, 'faces/sad/0.png')).resize(30, 20, { fit: 'fill' }).toFile(join(folder, 'faces/sad/other.png'));
    renameSync(join(folder, 'faces/sad/other.png'), join(folder, 'faces/sad/0.png'));
    const refused = await uafer(['train', '--resume', 'run'], { cwd: folder });
    expect(refused).toMatchObject({ code: 1, stderr: expect.stringContaining('0.png is 30 x 20') });
    const { code, stderr } = await uafer(['train', '--resume', 'run', '--center-crop', '--max-steps', '0'], { cwd: folder });
    expect(stderr).toContain('Finished after 8 steps.');
    expect(code).toBe(0);
  });
});

test('a data set and a device that are not there are named', async () => {
  const data = await uafer(train('--data-path', 'nowhere'), { cwd: folder });
  expect(data).toMatchObject({ code: 1, stderr: expect.stringContaining('nowhere') });
  const absent = process.platform === 'darwin' ? 'cuda' : 'mps';
  const device = await uafer(train('--device', absent), { cwd: folder });
  expect(device).toMatchObject({
    code: 2,
    stderr: expect.stringContaining(`--device ${absent}: libtorch finds no ${absent} device`),
  });
});

test('freezing everything is refused before anything is written', async () => {
  const faces = fileURLToPath(new URL('../../examples/faces', import.meta.url));
  const args = ['train', '--recipe', 'quickstart', '--data-path', faces, '--fix-layer', '99', '--out', 'run'];
  const { code, stderr } = await uafer(args, { cwd: folder });
  expect(stderr).toMatch(/--fix-layer 99 freezes everything: no parameter of this model is left to train/);
  expect(code).toBe(2);
  expect(existsSync(join(folder, 'run'))).toBe(false);
});

/** Runs the command and sends it Ctrl-C after some steps. */
function interrupted(args: readonly string[]): Promise<{ code: number | null; stderr: string }> {
  return new Promise((resolve) => {
    const child = spawn(process.execPath, [main, ...args], { cwd: folder });
    let stderr = '';
    child.stderr.on('data', (chunk) => {
      if (/epoch 3\//.test(`${stderr}${chunk}`) && !/epoch 3\//.test(stderr)) child.kill('SIGINT');
      stderr += chunk;
    });
    child.on('close', (code) => resolve({ code, stderr }));
  });
}
