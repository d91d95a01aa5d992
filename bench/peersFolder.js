/**
 * What benchmarks compare with, in a folder of its own beside the tests' Python: packages of bench/peers/package.json, and of
 * bench/peers/requirements*.txt for Python.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { packageFolder } from '../scripts/packageFolder.js';

const SOURCE = fileURLToPath(new URL('peers', import.meta.url));
const FOLDER = fileURLToPath(new URL('../node_modules/.cache/uafer-peers', import.meta.url));

/** Installs the peers when they are not there as the lock file says; the folder that holds their node_modules. */
export function peersFolder() {
  return packageFolder(SOURCE, FOLDER);
}

/**
 * Installs Python's peers when they are not there for this Python.
 *
 * @param {string} python
 * @returns {{ site: string } | { reason: string }} where they are, or why they cannot be had
 */
export function pythonPeers(python) {
  const site = join(FOLDER, 'site');
  const done = join(FOLDER, 'site.txt');
  const version = spawnSync(python, ['-c', 'import sys; print(sys.version)'], { encoding: 'utf8' });
  if (version.status !== 0) return { reason: `${python} does not start` };
  const requirements = ['requirements.txt', 'requirements-alone.txt'];
  const wanted = `${version.stdout}${requirements.map((file) => read(SOURCE, file)).join('')}`;
  if (existsSync(done) && readFileSync(done, 'utf8') === wanted) return { site };
  rmSync(site, { recursive: true, force: true });
  mkdirSync(site, { recursive: true });
  for (const [file, ...options] of [[requirements[0]], [requirements[1], '--no-deps']]) {
    const reason = pip(python, site, ['-r', join(SOURCE, file ?? ''), ...options]);
    if (reason) return { reason };
  }
  writeFileSync(done, wanted);
  return { site };
}

/**
 * @param {string} python
 * @param {string} site
 * @param {string[]} what
 * @returns {string | null} why it failed
 */
function pip(python, site, what) {
  const options = ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', '--target', site, ...what];
  const { status, stderr } = spawnSync(python, options, { encoding: 'utf8' });
  if (status === 0) return null;
  return `${python} -m pip could not install them: ${stderr.trim().split('\n').at(-1)}`;
}

/**
 * @param {string} folder
 * @param {string} file
 */
function read(folder, file) {
  return readFileSync(join(folder, file), 'utf8');
}
