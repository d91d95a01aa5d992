/** Packages that only a script needs, in a folder of their own, so that they and the project's own never meet. */
import { spawnSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

const FILES = ['package.json', 'package-lock.json'];

/**
 * Installs what a folder's `package.json` and lock file name, when it is not there as they say.
 *
 * @param {string} source the folder with the two files
 * @param {string} folder where node_modules is made
 * @returns {string} `folder`
 */
export function packageFolder(source, folder) {
  const same = (file) => existsSync(join(folder, file)) && read(folder, file) === read(source, file);
  if (FILES.every(same) && existsSync(join(folder, 'node_modules'))) return folder;
  mkdirSync(folder, { recursive: true });
  for (const file of FILES) copyFileSync(join(source, file), join(folder, file));
  const options = ['ci', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel', 'error'];
  if (spawnSync('npm', options, { cwd: folder, stdio: 'inherit', shell: process.platform === 'win32' }).status !== 0)
    throw new Error(`npm could not install the packages of ${join(source, 'package.json')} in ${folder}`);
  return folder;
}

const read = (folder, file) => readFileSync(join(folder, file), 'utf8');
