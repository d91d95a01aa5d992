/** What a benchmark compares with: packages of bench/peers/package.json, in a folder of their own beside the tests' Python. */
import { spawnSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const FILES = ['package.json', 'package-lock.json'];

/** Installs the peers when they are not there as the lock file says; the folder that holds their node_modules. */
export function peersFolder() {
  const source = fileURLToPath(new URL('peers', import.meta.url));
  const folder = fileURLToPath(new URL('../node_modules/.cache/uafer-peers', import.meta.url));
  const same = (file) => existsSync(join(folder, file)) && read(folder, file) === read(source, file);
  if (FILES.every(same) && existsSync(join(folder, 'node_modules'))) return folder;
  mkdirSync(folder, { recursive: true });
  for (const file of FILES) copyFileSync(join(source, file), join(folder, file));
  const options = ['ci', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel', 'error'];
  if (spawnSync('npm', options, { cwd: folder, stdio: 'inherit', shell: process.platform === 'win32' }).status !== 0) {
    throw new Error(`npm could not install the peers of bench/peers/package.json in ${folder}`);
  }
  return folder;
}

/**
 * @param {string} folder
 * @param {string} file
 */
function read(folder, file) {
  return readFileSync(join(folder, file), 'utf8');
}
