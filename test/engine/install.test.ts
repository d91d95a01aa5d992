import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { buildAddon, installEngine } from '#uafer/engine/install.js';
import { addonPath, LIBTORCH_VERSION, type Libtorch } from '#uafer/engine/locate.js';
import { fakeTorch, script } from './fakeTorch.js';

/*
 * Python, pip and cmake are played by small scripts: what is tested is the order of what is tried, what is said, and that a half
 * addon is never left. The real ones are run by the quickstart and by whoever loads the engine in the other tests.
 */
const CPU = `${LIBTORCH_VERSION}+cpu`;
let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'uafer-install-'));
  vi.stubEnv('UAFER_HOME', join(folder, 'home'));
  vi.stubEnv('LIBTORCH', '');
  vi.stubEnv('PYTHON', join(folder, 'no-python'));
  vi.stubEnv('PATH', `${join(folder, 'bin')}:/usr/bin:/bin`);
  fakeCmake('echo compiled; echo addon > "$folder/uafer_engine.node"');
});
afterEach(() => {
  vi.unstubAllEnvs();
  rmSync(folder, { recursive: true });
});

/** A cmake whose configure step remembers the build folder and whose build step runs `build`. */
function fakeCmake(build: string): void {
  script(
    join(folder, 'bin/cmake'),
    `case "$1" in
--version) echo cmake version 3.30 ;;
-S) echo "$@" > ${folder}/configured ;;
--build) folder="$2"; ${build} ;;
esac`,
  );
}

/** A Python whose `-m venv` copies it, and whose pip installs a `torch` when its arguments match `succeeds`. */
function fakePython(succeeds: string): void {
  const torch = fakeTorch(join(folder, 'wheel'), CPU);
  const python = join(folder, 'python');
  script(
    python,
    `echo "$@" >> ${folder}/asked
case "$*" in
"-m venv"*) for target; do :; done; mkdir -p "$target/bin" "$target/lib/python3.12/site-packages"; cp ${python} "$target/bin/python" ;;
"-m pip --version") echo pip ;;
"-m pip install"*"${succeeds}"*) cp -r ${torch} "$(dirname "$0")/../lib/python3.12/site-packages/torch" ;;
*) echo "ERROR: No matching distribution found"; exit 1 ;;
esac`,
  );
  vi.stubEnv('PYTHON', python);
}

const torchHere = (): Libtorch => ({ root: fakeTorch(join(folder, 'torch'), CPU), version: CPU, source: 'LIBTORCH' });
const pipInstalls = () =>
  readFileSync(join(folder, 'asked'), 'utf8')
    .split('\n')
    .filter((line) => line.includes('pip install'));

test('without any libtorch, the CPU wheel is installed privately and the addon built; the second time both are found', async () => {
  fakePython('--index-url');
  const first: string[] = [];
  const { libtorch, addon } = await installEngine({ onProgress: (line) => first.push(line) });
  expect(libtorch).toMatchObject({ version: CPU, source: 'installed' });
  expect(readFileSync(addon, 'utf8')).toBe('addon\n');
  expect(first.join('\n')).toMatch(/private Python environment[\s\S]*Installing torch==2\.13\.0[\s\S]*Building the addon/);

  const second: string[] = [];
  expect(await installEngine({ onProgress: (line) => second.push(line) })).toEqual({ libtorch, addon });
  expect(second).toEqual([expect.stringContaining('Found libtorch'), expect.stringContaining('Found the addon')]);
});

test('an installation that is broken off leaves nothing that looks installed, and the next one clears it away', async () => {
  fakePython('nothing succeeds');
  await expect(installEngine()).rejects.toThrow();
  expect(readdirSync(join(folder, 'home/engine'))).toEqual([]);
  const left = fakeTorch(join(folder, 'home/engine/venv.999999999/torch'), CPU);
  fakePython('--index-url');
  await installEngine();
  expect(existsSync(left)).toBe(false);
});

test("where PyTorch's index cannot be reached, pip's own sources are asked", async () => {
  fakePython('--no-deps torch==');
  await installEngine();
  const [first, second] = pipInstalls();
  expect(first).toContain('--index-url https://download.pytorch.org/whl/cpu');
  expect(second).not.toContain('--index-url');
});

test('when pip has no wheel, its last words and the way by hand are in the error', async () => {
  fakePython('nothing succeeds');
  await expect(installEngine()).rejects.toMatchObject({
    code: 'ENGINE_NOT_FOUND',
    message: expect.stringMatching(/No matching distribution found[\s\S]*set LIBTORCH/),
  });
});

test('without Python the error says what to install', async () => {
  await expect(installEngine()).rejects.toMatchObject({
    code: 'ENGINE_NOT_FOUND',
    message: expect.stringMatching(/no-python[\s\S]*apt install python3-venv/),
  });
});

test('the build is told where libtorch and the headers are, and its log is kept', async () => {
  const libtorch = torchHere();
  const addon = await buildAddon(libtorch);
  expect(addon).toBe(addonPath(libtorch));
  const configured = readFileSync(join(folder, 'configured'), 'utf8');
  expect(configured).toContain(`-DLIBTORCH_ROOT=${libtorch.root}`);
  const [, headers] = /-DNODE_API_HEADERS_DIR=(\S+)/.exec(configured) as RegExpExecArray;
  expect(existsSync(join(headers as string, 'include/node_api.h'))).toBe(true);
  expect(readFileSync(join(dirname(addon), 'build.log'), 'utf8')).toContain('compiled');
});

test('two builds at once both end with a whole addon and leave nothing beside it', async () => {
  const libtorch = torchHere();
  const [one, other] = await Promise.all([buildAddon(libtorch), buildAddon(libtorch)]);
  expect(one).toBe(other);
  expect(readdirSync(dirname(one)).sort()).toEqual(['build.log', 'uafer_engine.node']);
});

test('a failed build shows the end of its output, names the log and leaves no addon', async () => {
  fakeCmake('echo "runtime.cpp:3: error: expected ;"; exit 2');
  const libtorch = torchHere();
  await expect(buildAddon(libtorch)).rejects.toMatchObject({
    code: 'ENGINE_BUILD',
    message: expect.stringMatching(/build\.log; it ends with:[\s\S]*error: expected ;/),
  });
  expect(existsSync(addonPath(libtorch))).toBe(false);
});

test('without a compiler the error names the package to install', async () => {
  fakeCmake('echo "CMake Error: No CMAKE_CXX_COMPILER could be found."; exit 1');
  await expect(buildAddon(torchHere())).rejects.toMatchObject({
    code: 'ENGINE_BUILD',
    message: expect.stringMatching(/build-essential|xcode-select/),
  });
});
