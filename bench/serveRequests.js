/** Requests of the benches of the service: pictures, and a service in a process of its own. */
import { spawn } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const MAIN = join(ROOT, 'dist/cli/main.js');

/** @param {'photos' | 'faces'} what */
export function pictures(what) {
  const folder = join(ROOT, what === 'photos' ? 'examples/photos' : 'assets/faces');
  return readdirSync(folder)
    .filter((name) => name.endsWith('.jpg'))
    .sort()
    .map((name) => ({ name, path: join(folder, name), bytes: readFileSync(join(folder, name)) }));
}

/**
 * Starts `uafer serve` on a free port, its log going nowhere.
 *
 * @param {string[]} args
 * @param {Record<string, string>} env
 */
export function startServe(args = [], env = {}) {
  const child = spawn(process.execPath, [MAIN, 'serve', '--port', '0', ...args], {
    stdio: ['ignore', 'ignore', 'pipe'],
    env: { ...process.env, ...env },
  });
  const ended = new Promise((resolve) => child.on('close', (code, signal) => resolve({ code, signal })));
  let said = '';
  /** @type {Promise<string>} */
  const url = new Promise((resolve, reject) => {
    child.on('close', () => reject(new Error(said)));
    child.stderr.on('data', (chunk) => {
      said += chunk;
      const found = /listens on (\S+)\. /.exec(said)?.[1];
      if (found) resolve(found);
    });
  });
  return url.then((found) => ({ url: found, child, ended }));
}

/** Resident memory of a process and of those that it started, in MiB. */
export function residentMemory(/** @type {number} */ pid) {
  const status = (/** @type {number | string} */ each) => readFileSync(`/proc/${each}/status`, 'utf8');
  const children = readdirSync('/proc').filter((each) => {
    try {
      return /^\d+$/.test(each) && Number(/^PPid:\s+(\d+)/m.exec(status(each))?.[1]) === pid;
    } catch {
      return false;
    }
  });
  return [pid, ...children].reduce((sum, each) => sum + Number(/^VmRSS:\s+(\d+)/m.exec(status(each))?.[1]) / 1024, 0);
}

/** @param {readonly number[]} values @param {number} share */
export function quantile(values, share) {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? Number.NaN;
}
