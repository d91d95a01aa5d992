/** Kills and interrupts the real command in the middle of an epoch, and compares what it ends with. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { stringify } from 'yaml';
import { readCheckpointState } from '#uafer/run/checkpoint.js';
import { writeClassFolders } from '../support/madeUpPictures.js';
import { SMALL_PRETRAINING } from '../support/smallPretraining.js';

const MAIN = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));
const STEPS = 10;
const EPOCHS = 3;

const CONFIG = {
  ...SMALL_PRETRAINING,
  optimizer: { epochs: EPOCHS, warmupEpochs: 1, batchSize: 4, testBatchSize: 4, ema: 0.9 },
};

let folder: string;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'uafer-killed-'));
  await writeClassFolders(join(folder, 'pictures'), { train: 4 * STEPS, test: 9, size: 16 });
  writeFileSync(join(folder, 'tiny.yaml'), stringify(CONFIG));
  await finished(start('--recipe', 'small-clip', '--config', 'tiny.yaml', '--out', 'whole'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function start(...args: string[]): ChildProcess & { output: string[] } {
  const child = spawn(process.execPath, [MAIN, 'train', ...args], { cwd: folder, stdio: ['ignore', 'pipe', 'pipe'] });
  const output: string[] = [];
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => output.push(String(chunk)));
  return Object.assign(child, { output });
}

async function finished(child: ReturnType<typeof start>): Promise<void> {
  const [code] = await once(child, 'exit');
  expect(code, child.output.join('')).toBe(0);
}

/** Waits until the run in `out` has a checkpoint of at least `step` steps, then sends `signal`; gives how the process ended. */
async function signalAfter(child: ReturnType<typeof start>, out: string, step: number, signal: NodeJS.Signals) {
  const ended = once(child, 'exit');
  while (stepsOf(out) < step) {
    expect(child.exitCode, child.output.join('')).toBeNull();
    await sleep(5);
  }
  child.kill(signal);
  const [code, killedBy] = await ended;
  return { code, killedBy, text: child.output.join('') };
}

function stepsOf(out: string): number {
  try {
    return readCheckpointState(join(folder, out, 'checkpoints', 'last')).globalStep;
  } catch {
    return 0; // no checkpoint yet, or between two of them
  }
}

function expectSameEnd(out: string): void {
  const read = (run: string, ...parts: string[]) => readFileSync(join(folder, run, ...parts));
  expect(read(out, 'metrics.json')).toEqual(read('whole', 'metrics.json'));
  for (const which of ['last', 'best']) {
    for (const file of ['model.safetensors', 'optimizer.safetensors', 'ema.safetensors']) {
      const same = read(out, 'checkpoints', which, file).equals(read('whole', 'checkpoints', which, file));
      expect(same, `${which}/${file}`).toBe(true);
    }
  }
}

test('a run killed in the middle of two epochs and resumed ends with the very same metrics and weights', async () => {
  const first = start('--recipe', 'small-clip', '--config', 'tiny.yaml', '--out', 'killed');
  expect((await signalAfter(first, 'killed', STEPS + 2, 'SIGKILL')).killedBy).toBe('SIGKILL');
  expect(stepsOf('killed') % STEPS).not.toBe(0);
  const second = start('--resume', 'killed', '--workers', '2');
  expect((await signalAfter(second, 'killed', 2 * STEPS + 3, 'SIGKILL')).killedBy).toBe('SIGKILL');
  await finished(start('--resume', 'killed'));
  expectSameEnd('killed');
});

test('Ctrl-C ends a run with a checkpoint and tells how to go on; bare --resume finds it', async () => {
  const child = start('--recipe', 'small-clip', '--config', 'tiny.yaml');
  while (!existsSync(join(folder, 'runs')) || readdirSync(join(folder, 'runs')).length === 0) await sleep(20);
  const out = join('runs', readdirSync(join(folder, 'runs'))[0] as string);
  const { code, text } = await signalAfter(child, out, 2, 'SIGINT');
  expect(code).toBe(130);
  expect(text).toMatch(/uafer train --resume/);
  expect(stepsOf(out)).toBeLessThan(EPOCHS * STEPS);
  await finished(start('--resume'));
  expectSameEnd(out);
});

test('a dropped terminal (SIGHUP) ends a run with a checkpoint, as Ctrl-C does', async () => {
  const child = start('--recipe', 'small-clip', '--config', 'tiny.yaml', '--out', 'hung-up');
  expect((await signalAfter(child, 'hung-up', 2, 'SIGHUP')).code).toBe(130);
  expect(stepsOf('hung-up')).toBeLessThan(EPOCHS * STEPS);
  await finished(start('--resume', 'hung-up'));
  expectSameEnd('hung-up');
});

test('a second process is refused by the number of the first; the lock of a killed one is taken over', async () => {
  const lock = join(folder, 'locked/lock.json');
  const first = start('--recipe', 'small-clip', '--config', 'tiny.yaml', '--out', 'locked', '--epochs', '1000');
  while (stepsOf('locked') < 1) await sleep(5);
  const second = start('--resume', 'locked', '--epochs', '1000');
  const [code] = await once(second, 'exit');
  expect(second.output.join('')).toContain(`locked is being trained by process ${first.pid} on `);
  expect(code).toBe(1);
  await signalAfter(first, 'locked', 1, 'SIGKILL');
  expect(JSON.parse(readFileSync(lock, 'utf8')).pid).toBe(first.pid);
  await finished(start('--resume', 'locked', '--epochs', '1000', '--max-steps', String(stepsOf('locked') + 2)));
  expect(existsSync(lock)).toBe(false);
});

test('a run whose reader has gone trains on in silence', async () => {
  // As in `uafer train 2>&1 | head -1`: the reader takes some of it and goes.
  const child = start('--recipe', 'small-clip', '--config', 'tiny.yaml', '--out', 'unread', '--json');
  await Promise.race([child.stdout, child.stderr].map((stream) => stream && once(stream, 'data')));
  child.stdout?.destroy();
  child.stderr?.destroy();
  await finished(child);
  expectSameEnd('unread');
});

test('a resumed run refuses an option that would change its numbers', async () => {
  const child = start('--resume', 'whole', '--lr', '0.5');
  const [code] = await once(child, 'exit');
  expect(code).toBe(2);
  expect(child.output.join('')).toMatch(/optimizer\.lr: the run has 0\.001, asked for 0\.5/);
});
