/**
 * Finding libtorch, and the addon that was built for it. Everything is read from files: Python, where asked at all, says only
 * where its `torch` lies.
 */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { UaferError } from '../errors.js';
import { packagePath, uaferHome } from '../paths.js';

/** The libtorch release that the addon is written and tested against. */
export const LIBTORCH_VERSION = '2.13.0';

/** A libtorch on this machine. `root` holds `lib/`, `include/` and `share/cmake/Torch`. */
export interface Libtorch {
  root: string;
  /** As the build calls itself, e.g. `2.13.0+cpu`. */
  version: string;
  source: 'LIBTORCH' | 'installed' | 'python';
}

/** What a search found, and what it came across but could not use (one sentence each, for `uafer doctor`). */
export interface LibtorchSearch {
  found: Libtorch | null;
  passedOver: string[];
}

/** The Python to ask and to install with: `$PYTHON`, else `python3`. */
export function pythonCommand(): string {
  return process.env.PYTHON || 'python3';
}

/** The private folder of `uafer engine install`. */
export function engineHome(): string {
  return join(uaferHome(), 'engine');
}

/**
 * The libtorch to use: `$LIBTORCH`, else what `uafer engine install` made, else the PyTorch of the active Python environment.
 * Throws `ENGINE_NOT_FOUND` when there is none or `$LIBTORCH` isn't one, `ENGINE_VERSION` when `$LIBTORCH` is another release.
 */
export function locateLibtorch(): Libtorch {
  const { found, passedOver } = searchLibtorch();
  if (found) return found;
  const notes = passedOver.map((note) => ` ${note}`).join('');
  throw new UaferError('ENGINE_NOT_FOUND', `libtorch ${LIBTORCH_VERSION} was not found.${notes} Run \`uafer engine install\`.`);
}

/** As `locateLibtorch`, but finding nothing is an answer; a wrong `$LIBTORCH` throws all the same. */
export function searchLibtorch(): LibtorchSearch {
  const explicit = process.env.LIBTORCH;
  if (explicit) return { found: explicitLibtorch(explicit), passedOver: [] };
  const passedOver: string[] = [];
  for (const candidate of candidates()) {
    const problem = unusable(candidate);
    if (!problem) return { found: candidate, passedOver };
    passedOver.push(problem);
  }
  return { found: null, passedOver };
}

function explicitLibtorch(root: string): Libtorch {
  const missing = missingParts(root);
  if (missing.length > 0) {
    throw new UaferError(
      'ENGINE_NOT_FOUND',
      `LIBTORCH is ${root}, which lacks ${missing.join(', ')}. Point it at an unpacked libtorch ${LIBTORCH_VERSION} or at the ` +
        '`torch` folder of a Python environment, or unset it and run `uafer engine install`.',
    );
  }
  const version = readVersion(root);
  if (!isPinned(version)) {
    throw new UaferError(
      'ENGINE_VERSION',
      `LIBTORCH is ${root}, which is libtorch ${version}; expected ${LIBTORCH_VERSION}. Point it at that release, or unset it ` +
        'and run `uafer engine install`.',
    );
  }
  return { root, version, source: 'LIBTORCH' };
}

/** Lazily, so that Python is started only when nothing was installed. */
function* candidates(): Generator<Libtorch> {
  for (const root of installedRoots()) yield { root, version: readVersion(root), source: 'installed' };
  const root = pythonTorch();
  if (root) yield { root, version: readVersion(root), source: 'python' };
}

function unusable({ root, version, source }: Libtorch): string | null {
  const whose = source === 'python' ? `The PyTorch of the active Python environment (${root})` : `The libtorch in ${root}`;
  const missing = missingParts(root);
  if (missing.length > 0) return `${whose} was passed over: it lacks ${missing.join(', ')}.`;
  return isPinned(version) ? null : `${whose} was passed over: it is ${version}, not ${LIBTORCH_VERSION}.`;
}

/** The `torch` folders of the private environment, whatever Python made it. */
function installedRoots(): string[] {
  const lib = join(engineHome(), 'venv', 'lib');
  const pythons = existsSync(lib) ? readdirSync(lib).filter((name) => name.startsWith('python3')) : [];
  return pythons.map((name) => join(lib, name, 'site-packages', 'torch')).filter((root) => existsSync(root));
}

function pythonTorch(): string | null {
  const script =
    'import importlib.util\n' +
    "spec = importlib.util.find_spec('torch')\n" +
    "print(next(iter(spec.submodule_search_locations or []), '') if spec else '')";
  const { status, stdout } = spawnSync(pythonCommand(), ['-c', script], { encoding: 'utf8', timeout: 30_000 });
  return status === 0 ? stdout.trim() || null : null;
}

function missingParts(root: string): string[] {
  const libraries = { win32: 'lib/torch_cpu.dll', darwin: 'lib/libtorch_cpu.dylib' };
  const library = libraries[process.platform as keyof typeof libraries] ?? 'lib/libtorch_cpu.so';
  const parts = [library, 'include/ATen/ATen.h', 'share/cmake/Torch/TorchConfig.cmake'];
  return parts.filter((part) => !existsSync(join(root, part)));
}

/** A wheel says its version in `version.py`, the archive in `build-version`; `unknown` when neither is there. */
function readVersion(root: string): string {
  const wheel = join(root, 'version.py');
  const archive = join(root, 'build-version');
  if (existsSync(wheel)) return /^__version__ = '([^']+)'/m.exec(readFileSync(wheel, 'utf8'))?.[1] ?? 'unknown';
  return existsSync(archive) ? readFileSync(archive, 'utf8').trim() : 'unknown';
}

function isPinned(version: string): boolean {
  return version.split('+')[0] === LIBTORCH_VERSION;
}

/**
 * Where the addon for this libtorch lies, or would lie once built. The name holds everything that makes an addon unusable for
 * another: platform, libtorch's version and place (it is linked by path), and the addon's own sources.
 */
export function addonPath(libtorch: Libtorch): string {
  const hash = createHash('sha256').update(libtorch.root);
  const sources = packagePath('native');
  for (const file of filesUnder(sources)) hash.update(`\0${file}\0`).update(readFileSync(join(sources, file)));
  const name = `${process.platform}-${process.arch}-${libtorch.version}-${hash.digest('hex').slice(0, 12)}`;
  return join(engineHome(), 'addon', name, 'uafer_engine.node');
}

/** Paths of the files in a folder and those in it, from there, in one order on every machine. */
function filesUnder(folder: string): string[] {
  const entries = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  return entries.map(({ parentPath, name }) => relative(folder, join(parentPath, name))).sort();
}
