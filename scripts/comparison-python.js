/**
 * Makes a Python for the tests that compare with PyTorch, Pillow and face detectors: the engine's private environment, whose PyTorch is
 * there already, with the modules of test/support/requirements*.txt in a folder beside it. Where that cannot be done (no network, no private
 * environment) the tests say that they skip the comparison. PYTHON names another Python.
 */
import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { engineHome } from '#uafer/engine/locate.js';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const FOLDER = join(ROOT, 'node_modules/.cache/uafer-python');
const REQUIREMENTS = join(ROOT, 'test/support/requirements.txt');
const ALONE = join(ROOT, 'test/support/requirements-alone.txt');

const own = join(engineHome(), 'venv/bin/python');
const done = join(FOLDER, 'requirements.txt');
const wanted = [REQUIREMENTS, ALONE].map((file) => readFileSync(file, 'utf8')).join('');
if (process.env.PYTHON) say(`PYTHON is ${process.env.PYTHON}: comparisons use it.`);
else if (!existsSync(own)) say('There is no private Python environment: comparisons with PyTorch will be skipped.');
else if (!existsSync(done) || readFileSync(done, 'utf8') !== wanted) install();

function install() {
  mkdirSync(FOLDER, { recursive: true });
  const site = join(FOLDER, 'site');
  say('Installing what the comparisons with PyTorch need');
  if (!pip(site, '-r', REQUIREMENTS) || !pip(site, '--no-deps', '-r', ALONE)) {
    say('That failed: comparisons with PyTorch will be skipped.');
    return;
  }
  const wrapper = join(FOLDER, 'python');
  writeFileSync(wrapper, `#!/bin/sh\nPYTHONPATH='${site}' exec '${own}' "$@"\n`);
  chmodSync(wrapper, 0o755);
  writeFileSync(done, wanted);
}

/** @param {string[]} what */
function pip(site, ...what) {
  const install = ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', '--upgrade', '--target', site, ...what];
  return spawnSync(own, install, { stdio: ['ignore', 'ignore', 'inherit'] }).status === 0;
}

function say(line) {
  console.log(line);
}
