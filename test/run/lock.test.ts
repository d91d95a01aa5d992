import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { lockRun, refuseLocked } from '#uafer/run/lock.js';

let folder: string;
let path: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'uafer-lock-'));
  path = join(folder, 'lock.json');
});
afterEach(() => rmSync(folder, { recursive: true }));

const owner = () => JSON.parse(readFileSync(path, 'utf8'));
const write = (changes: object) =>
  writeFileSync(
    path,
    JSON.stringify({ host: hostname(), pid: process.pid, started: null, thread: 0, since: 'then', ...changes }),
  );

/** The number of a process that has ended. */
async function endedProcess(): Promise<number> {
  const child = spawn(process.execPath, ['-e', '']);
  await once(child, 'exit');
  return child.pid as number;
}

test('a run is one process’s own until it gives it free, and nothing is left then', () => {
  const lock = lockRun(folder);
  expect(owner()).toMatchObject({ host: hostname(), pid: process.pid });
  expect(() => lockRun(folder)).toThrow(
    expect.objectContaining({
      code: 'LOCKED',
      message: expect.stringMatching(
        new RegExp(`is being trained by process ${process.pid} on .* \\(this machine\\), since \\d{4}-.*kill ${process.pid}`),
      ),
    }),
  );
  expect(() => refuseLocked(folder)).toThrow(/is being trained/);
  lock.release();
  expect(readdirSync(folder)).toEqual([]);
  refuseLocked(folder);
});

test('the lock of a process that has ended is taken over', async () => {
  write({ pid: await endedProcess() });
  const lock = lockRun(folder);
  expect(owner().pid).toBe(process.pid);
  lock.release();
  expect(readdirSync(folder)).toEqual([]);
});

test.skipIf(process.platform === 'win32')('a process that got the number of an ended one is told apart by its start', () => {
  write({ started: 'long ago' });
  lockRun(folder).release();
  expect(existsSync(path)).toBe(false);
});

test('a lock of another machine counts while it is renewed', () => {
  write({ host: 'elsewhere', pid: 7 });
  expect(() => lockRun(folder)).toThrow(/process 7 on elsewhere, since then.*delete .*lock\.json, or try again in 10 minutes/);
  const longAgo = new Date(Date.now() - 11 * 60_000);
  utimesSync(path, longAgo, longAgo);
  lockRun(folder).release();
  expect(existsSync(path)).toBe(false);
});

test('what is no lock is replaced', () => {
  writeFileSync(path, '{"pid":');
  lockRun(folder).release();
  expect(existsSync(path)).toBe(false);
});

test('a lock that another process took over is not removed', () => {
  const lock = lockRun(folder);
  write({ host: 'elsewhere' });
  lock.release();
  expect(owner().host).toBe('elsewhere');
});
