/** Installing libtorch into a private folder, and building the addon against it. */
import { spawn } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { UaferError } from '../errors.js';
import { packagePath } from '../paths.js';
import {
  addonPath,
  engineHome,
  LIBTORCH_VERSION,
  type Libtorch,
  locateLibtorch,
  pythonCommand,
  searchLibtorch,
} from './locate.js';

export interface InstallOptions {
  /** Called with each line of what is being done, commands' own output included. */
  onProgress?: (line: string) => void;
}

/**
 * Makes the engine ready: a libtorch that is there already is used, otherwise PyTorch's CPU wheel is installed into a private
 * Python environment; then the addon is built unless it is. Throws `ENGINE_NOT_FOUND`, `ENGINE_VERSION` or `ENGINE_BUILD`.
 */
export async function installEngine(options: InstallOptions = {}): Promise<{ libtorch: Libtorch; addon: string }> {
  const say = options.onProgress ?? (() => {});
  const { found, passedOver } = searchLibtorch();
  for (const note of passedOver) say(note);
  if (found) say(`Found libtorch ${found.version} in ${found.root}.`);
  const libtorch = found ?? (await installLibtorch(say));
  const addon = addonPath(libtorch);
  if (existsSync(addon)) say(`Found the addon, ${addon}.`);
  else await buildAddon(libtorch, options);
  return { libtorch, addon };
}

/**
 * Compiles `native/` against `libtorch` and puts the addon where `addonPath` says, in one rename: processes that build at the same
 * time each finish with a whole addon. Throws `ENGINE_BUILD` with the end of the compiler's output; all of it is in `build.log`.
 */
export async function buildAddon(libtorch: Libtorch, options: InstallOptions = {}): Promise<string> {
  const say = options.onProgress ?? (() => {});
  const target = addonPath(libtorch);
  const log = join(dirname(target), 'build.log');
  const folder = mkdtempSync(join(tmpdir(), 'uafer-build-'));
  mkdirSync(dirname(target), { recursive: true });
  say(`Building the addon against libtorch ${libtorch.version} (about a minute)`);
  try {
    const cmake = await findCmake(say);
    const configure = await run(cmake, configureArguments(libtorch, folder), say);
    const build = configure.ok ? await run(cmake, ['--build', folder, '--parallel', '2'], say) : configure;
    writeFileSync(log, build === configure ? configure.output : configure.output + build.output);
    if (!build.ok) throw new UaferError('ENGINE_BUILD', buildFailure(build.output, log));
    const beside = `${target}.${process.pid}`;
    copyFileSync(join(folder, 'uafer_engine.node'), beside);
    renameSync(beside, target);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  say(`Built ${target}.`);
  return target;
}

function configureArguments(libtorch: Libtorch, folder: string): string[] {
  const resolve = createRequire(import.meta.url).resolve;
  const variables = {
    CMAKE_BUILD_TYPE: 'Release',
    LIBTORCH_ROOT: libtorch.root,
    NODE_ADDON_API_DIR: dirname(resolve('node-addon-api/package.json')),
    NODE_API_HEADERS_DIR: dirname(resolve('node-api-headers/package.json')),
  };
  return ['-S', packagePath('native'), '-B', folder, ...Object.entries(variables).map(([name, value]) => `-D${name}=${value}`)];
}

function buildFailure(output: string, log: string): string {
  const tools =
    process.platform === 'darwin' ? '`xcode-select --install`' : 'g++ and make (Debian, Ubuntu: `apt install build-essential`)';
  if (/No CMAKE_CXX_COMPILER could be found|CMAKE_MAKE_PROGRAM is not set|CMAKE_CXX_COMPILER not set/.test(output)) {
    return `The addon needs a C++20 compiler and make to be built, and none was found. Install ${tools}, then run \`uafer engine build\`.`;
  }
  return `The addon could not be built. The whole output is in ${log}; it ends with:\n${lastLines(output, 20)}`;
}

async function findCmake(say: (line: string) => void): Promise<string> {
  const own = join(environment(), 'bin', 'cmake');
  for (const cmake of ['cmake', own]) if ((await run(cmake, ['--version'])).ok) return cmake;
  say('No cmake was found: installing one into the private Python environment');
  await makeEnvironment(environment(), say);
  const { ok, output } = await pip(environment(), ['cmake'], say);
  if (ok) return own;
  throw new UaferError(
    'ENGINE_BUILD',
    `cmake is needed to build the addon and could not be installed. Install cmake.\n${lastLines(output, 5)}`,
  );
}

/** Into an environment beside the final one, renamed when whole: what was broken off half-way is never taken for a libtorch. */
async function installLibtorch(say: (line: string) => void): Promise<Libtorch> {
  clearBrokenOff();
  const beside = `${environment()}.${process.pid}`;
  try {
    await makeEnvironment(beside, say);
    await installWheel(beside, say);
    rmSync(environment(), { recursive: true, force: true });
    renameSync(beside, environment());
  } finally {
    rmSync(beside, { recursive: true, force: true });
  }
  return locateLibtorch();
}

function clearBrokenOff(): void {
  for (const name of existsSync(engineHome()) ? readdirSync(engineHome()) : []) {
    const pid = /^venv\.(\d+)$/.exec(name)?.[1];
    if (pid && !isRunning(Number(pid))) rmSync(join(engineHome(), name), { recursive: true });
  }
}

function isRunning(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

async function installWheel(venv: string, say: (line: string) => void): Promise<void> {
  let output = '';
  for (const attempt of wheelAttempts()) {
    say(attempt.what);
    const result = await pip(venv, attempt.args, say);
    if (result.ok) return;
    output = result.output;
  }
  throw new UaferError(
    'ENGINE_NOT_FOUND',
    `torch==${LIBTORCH_VERSION} could not be installed with pip:\n${lastLines(output, 8)}\nIt needs Python 3.10 or newer and a way to ` +
      `PyTorch's wheels. ${byHand}`,
  );
}

const byHand = `Or unpack libtorch ${LIBTORCH_VERSION} (https://pytorch.org/get-started/locally/) and set LIBTORCH to its folder.`;

/**
 * PyTorch's own index has the CPU wheel; pip's configured sources (a mirror, a folder of wheels) come next, and last PyPI's wheel,
 * which on Linux carries CUDA and loads only with the packages that it depends on. libtorch itself needs no Python package.
 */
function wheelAttempts(): { what: string; args: string[] }[] {
  const cpu = process.platform === 'darwin' ? `torch==${LIBTORCH_VERSION}` : `torch==${LIBTORCH_VERSION}+cpu`;
  const index = 'https://download.pytorch.org/whl/cpu';
  return [
    {
      what: `Installing ${cpu} from ${index}`,
      args: ['--no-deps', '--retries', '1', '--timeout', '15', '--index-url', index, cpu],
    },
    { what: `Installing ${cpu} from pip's configured sources`, args: ['--no-deps', cpu] },
    { what: `Installing torch==${LIBTORCH_VERSION} with CUDA (several GB)`, args: [`torch==${LIBTORCH_VERSION}`] },
  ].slice(0, process.platform === 'darwin' ? 2 : 3);
}

async function makeEnvironment(venv: string, say: (line: string) => void): Promise<void> {
  if ((await run(pythonIn(venv), ['-m', 'pip', '--version'])).ok) return;
  say(`Making a private Python environment in ${venv}`);
  const { ok, output } = await run(pythonCommand(), ['-m', 'venv', '--clear', venv], say);
  if (ok) return;
  throw new UaferError(
    'ENGINE_NOT_FOUND',
    `libtorch is installed with Python's pip, and \`${pythonCommand()} -m venv\` failed:\n${lastLines(output, 5)}\nInstall Python 3.10 or ` +
      `newer with venv (Debian, Ubuntu: \`apt install python3-venv\`) and run this again. ${byHand}`,
  );
}

/** The private Python environment: it holds libtorch, and cmake where the machine has none. */
function environment(): string {
  return join(engineHome(), 'venv');
}

function pythonIn(venv: string): string {
  return join(venv, 'bin', 'python');
}

function pip(venv: string, args: string[], say: (line: string) => void): Promise<RunResult> {
  return run(pythonIn(venv), ['-m', 'pip', 'install', '--no-input', '--disable-pip-version-check', ...args], say);
}

interface RunResult {
  ok: boolean;
  /** Standard output and error as they came. */
  output: string;
}

function run(command: string, args: string[], say: (line: string) => void = () => {}): Promise<RunResult> {
  return new Promise((resolve) => {
    const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'] });
    let output = '';
    let line = '';
    const take = (chunk: Buffer) => {
      output += chunk;
      const lines = (line + chunk).split(/\r?\n/);
      line = lines.pop() ?? '';
      for (const whole of lines) if (whole.trim()) say(`  ${whole}`);
    };
    child.stdout.on('data', take);
    child.stderr.on('data', take);
    child.on('error', (error) => resolve({ ok: false, output: `${command}: ${error.message}\n` }));
    child.on('close', (code) => resolve({ ok: code === 0, output }));
  });
}

function lastLines(text: string, count: number): string {
  return text.trimEnd().split('\n').slice(-count).join('\n');
}
