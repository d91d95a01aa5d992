import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { addonPath, LIBTORCH_VERSION, locateLibtorch, searchLibtorch } from '#uafer/engine/locate.js';
import { uaferHome } from '#uafer/paths.js';
import { fakeTorch, script } from './fakeTorch.js';

const CPU = `${LIBTORCH_VERSION}+cpu`;
let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'uafer-locate-'));
  vi.stubEnv('UAFER_HOME', join(folder, 'home'));
  vi.stubEnv('LIBTORCH', '');
  vi.stubEnv('PYTHON', join(folder, 'no-python'));
});
afterEach(() => {
  vi.unstubAllEnvs();
  rmSync(folder, { recursive: true });
});

const installed = (version: string) => fakeTorch(join(folder, 'home/engine/venv/lib/python3.12/site-packages/torch'), version);
const inPython = (version: string) => {
  const root = fakeTorch(join(folder, 'conda/torch'), version);
  vi.stubEnv('PYTHON', script(join(folder, 'python'), `echo ${root}`));
  return root;
};

test('LIBTORCH wins over what was installed, and that over the Python environment', () => {
  const python = inPython(CPU);
  expect(locateLibtorch()).toEqual({ root: python, version: CPU, source: 'python' });
  const own = installed(CPU);
  expect(locateLibtorch()).toEqual({ root: own, version: CPU, source: 'installed' });
  const explicit = fakeTorch(join(folder, 'libtorch'), CPU, 'archive');
  vi.stubEnv('LIBTORCH', explicit);
  expect(locateLibtorch()).toEqual({ root: explicit, version: CPU, source: 'LIBTORCH' });
});

test('finding none names the remedy', () => {
  expect(() => locateLibtorch()).toThrow(
    expect.objectContaining({ code: 'ENGINE_NOT_FOUND', message: expect.stringContaining('uafer engine install') }),
  );
});

test('a LIBTORCH that is no libtorch is an error that names what it lacks', () => {
  installed(CPU);
  vi.stubEnv('LIBTORCH', folder);
  expect(() => locateLibtorch()).toThrow(/lacks lib\/libtorch_cpu\.\w+, include\/ATen\/ATen\.h, share\/cmake/);
});

test('a LIBTORCH of another release is an error that names both', () => {
  vi.stubEnv('LIBTORCH', fakeTorch(join(folder, 'old'), '2.4.1+cu121'));
  const error = expect.objectContaining({
    code: 'ENGINE_VERSION',
    message: expect.stringMatching(/2\.4\.1\+cu121; expected 2\.13\.0/),
  });
  expect(() => locateLibtorch()).toThrow(error);
  expect(() => searchLibtorch()).toThrow(error);
});

test('a Python environment with another release is passed over, and the search says so', () => {
  const root = inPython('2.4.1');
  const { found, passedOver } = searchLibtorch();
  expect(found).toBeNull();
  expect(passedOver).toEqual([expect.stringContaining(`(${root}) was passed over: it is 2.4.1`)]);
  expect(() => locateLibtorch()).toThrow(/it is 2\.4\.1, not 2\.13\.0.*uafer engine install/);
});

test('the addon belongs to one libtorch: another place or version has another path', () => {
  const libtorch = { root: '/a', version: CPU, source: 'installed' } as const;
  const path = addonPath(libtorch);
  expect(path.startsWith(join(uaferHome(), 'engine', 'addon', `${process.platform}-${process.arch}-${CPU}-`))).toBe(true);
  expect(addonPath({ ...libtorch, source: 'python' })).toBe(path);
  expect(addonPath({ ...libtorch, root: '/b' })).not.toBe(path);
  expect(addonPath({ ...libtorch, version: LIBTORCH_VERSION })).not.toBe(path);
});
