import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { LIBTORCH_VERSION } from '#uafer/engine/locate.js';
import { fakeTorch } from '../engine/fakeTorch.js';
import { PATH_WITH_FFMPEG } from '../support/ffmpeg.js';
import { uafer } from './run.js';

let folder: string;
let env: Record<string, string>;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'uafer-cli-'));
  env = { UAFER_HOME: join(folder, 'home'), LIBTORCH: '', PYTHON: join(folder, 'no-python') };
});
afterEach(() => rmSync(folder, { recursive: true }));

test('doctor says that nothing was found and what to do, and fails', async () => {
  const plain = await uafer(['doctor'], { env });
  expect(plain.code).toBe(1);
  expect(plain.stdout).toMatch(/libtorch +not found, needed: 2\.13\.0/);
  expect(plain.stdout).toContain('Run `uafer engine install`');
  const json = await uafer(['doctor', '--json'], { env });
  expect(json.code).toBe(1);
  expect(JSON.parse(json.stdout)).toMatchObject({
    node: process.version,
    engine: { libtorch: null, loaded: null },
    clip: null,
  });
});

test('doctor says what videos are read with, or how to have it', async () => {
  const video = async (path: string) =>
    JSON.parse((await uafer(['doctor', '--json'], { env: { ...env, PATH: path } })).stdout).video;
  expect(await video(PATH_WITH_FFMPEG)).toEqual({ ffmpeg: expect.stringMatching(/^\S+$/) });
  expect(await video('')).toEqual({ problem: expect.stringMatching(/`ffprobe` is not on the PATH.*apt install ffmpeg/) });
});

test('doctor names a LIBTORCH of another release', async () => {
  const root = fakeTorch(join(folder, 'libtorch'), '2.1.0', 'archive');
  const { code, stdout } = await uafer(['doctor'], { env: { ...env, LIBTORCH: root } });
  expect(code).toBe(1);
  expect(stdout).toContain(`LIBTORCH is ${root}, which is libtorch 2.1.0; expected 2.13.0`);
});

test('doctor tells a libtorch without an addon from none', async () => {
  const root = fakeTorch(join(folder, 'libtorch'), `${LIBTORCH_VERSION}+cpu`);
  const { code, stdout } = await uafer(['doctor', '--json'], { env: { ...env, LIBTORCH: root } });
  expect(code).toBe(1);
  const { engine } = JSON.parse(stdout);
  expect(engine).toMatchObject({
    libtorch: { root, version: `${LIBTORCH_VERSION}+cpu`, source: 'LIBTORCH' },
    addon: { built: false },
  });
  expect(engine.problem).toContain("addon isn't built");
});

test('engine install and build fail with the remedy where there is no Python', async () => {
  const install = await uafer(['engine', 'install'], { env });
  expect(install).toMatchObject({ code: 1, stderr: expect.stringContaining('apt install python3-venv') });
  const build = await uafer(['engine', 'build'], { env });
  expect(build).toMatchObject({ code: 1, stderr: expect.stringContaining('Run `uafer engine install`') });
});

test('download clip without a connection says how to do it by hand', async () => {
  const { code, stderr } = await uafer(['download', 'clip'], {
    env: { ...env, UAFER_CLIP_URL: 'http://127.0.0.1:9/ViT-B-16.pt' },
  });
  expect(code).toBe(1);
  expect(stderr).toContain('http://127.0.0.1:9/ViT-B-16.pt');
  expect(stderr).toContain('5806e77cd80f8b59890b7e101eabd078d9fb84e6937f9e85e4ecb61988df416f');
  expect(stderr).toContain(`put the file at ${join(folder, 'home/clip/ViT-B-16.pt')}`);
});

test('download clip refuses another file and keeps one that is there', async () => {
  const server = createServer((_, response) => response.end('not CLIP'));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const clip = { ...env, UAFER_CLIP_URL: `http://127.0.0.1:${(server.address() as AddressInfo).port}/ViT-B-16.pt` };
  const refused = await uafer(['download', 'clip'], { env: clip });
  server.close();
  expect(refused).toMatchObject({ code: 1, stderr: expect.stringContaining('what arrived is another file') });

  const path = join(folder, 'home/clip/ViT-B-16.pt');
  mkdirSync(join(folder, 'home/clip'), { recursive: true });
  writeFileSync(path, 'put there by hand');
  expect(await uafer(['download', 'clip'], { env: clip })).toMatchObject({ code: 0 });
  expect(readFileSync(path, 'utf8')).toBe('put there by hand');
});
