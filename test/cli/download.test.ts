import { createHash } from 'node:crypto';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { packagePath } from '#uafer/paths.js';
import { uafer } from './run.js';

let folder: string;
let server: Server;
const shipped = (file: string) => readFileSync(packagePath('models', 'default', file));

/** A server that has the package's model under another name. */
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'uafer-download-'));
  server = createServer(({ url = '' }, response) => response.end(shipped(url.slice(1))));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const files = ['model.json', 'model.onnx'].map((file) => ({
    file,
    url: `http://127.0.0.1:${port}/${file}`,
    sha256: createHash('sha256').update(shipped(file)).digest('hex'),
    aboutMegabytes: Math.max(0.01, shipped(file).length / 1e6),
  }));
  const entries = [{ name: 'other', about: 'a model of ours', kind: 'model', files }];
  writeFileSync(join(folder, 'ours.json'), JSON.stringify({ format: 'uafer-downloads', version: 1, entries }));
});
afterAll(() => {
  server.close();
  rmSync(folder, { recursive: true });
});

const inFolder = (...args: string[]) => uafer(args, { cwd: folder, env: { UAFER_HOME: join(folder, 'home') } });

it('lists what there is', async () => {
  const { code, stdout } = await inFolder('download');
  expect(code).toBe(0);
  expect(stdout).toMatch(/clip +351 MB/);
  expect((await inFolder('download', '--manifest', 'ours.json')).stdout).toMatch(/other .* a model of ours .*models\/other/);
});

it('fetches a model, which predicts by its name then', async () => {
  const before = await inFolder('predict', packagePath('examples', 'photos', 'three.jpg'), '--model', 'other');
  expect(before.code).toBe(1);
  expect(before.stderr).toMatch(/other is no folder: .*the name of one that `uafer download` fetched/);
  const { code, stderr } = await inFolder('download', 'other', '--manifest', 'ours.json');
  expect({ code, stderr }).toMatchObject({
    code: 0,
    stderr: expect.stringContaining('Try: uafer predict --model other PHOTO'),
  });
  expect(readdirSync(join(folder, 'home/models/other')).sort()).toEqual(['model.json', 'model.onnx']);
  const after = await inFolder(
    'predict',
    packagePath('examples', 'photos', 'three.jpg'),
    '--model',
    'other',
    '--json',
    '--quiet',
  );
  expect(JSON.parse(after.stdout).faces).toHaveLength(3);
});

it('a name that is not there, and a list that is not there, are told', async () => {
  expect(await inFolder('download', 'clop')).toMatchObject({ code: 2, stderr: expect.stringMatching(/no "clop".*clip/) });
  expect(await inFolder('download', 'x', '--manifest', 'none.json')).toMatchObject({
    code: 1,
    stderr: expect.stringContaining('none.json cannot be read'),
  });
});
