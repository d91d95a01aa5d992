/**
 * `npm run bench NAME [-- OPTIONS]`: runs one of the comparisons beside this file, with the Python of the tests' comparisons (made when
 * it is not there) unless PYTHON names another.
 */
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const NAMES = [
  'step',
  'load',
  'backbone',
  'align',
  'predict',
  'peers',
  'trust',
  'method',
  'outliers',
  'video',
  'web',
  'serve',
  'serveSoak',
  'serveSchema',
  'scaling',
  'train',
];
const [name = '', ...options] = process.argv.slice(2);
const script = fileURLToPath(new URL(`${name}.js`, import.meta.url));
if (!NAMES.includes(name) || !existsSync(script)) {
  console.error(
    `npm run bench NAME: expected one of ${NAMES.join(', ')}, got "${name}". bench/README.md says what each compares.`,
  );
  process.exit(2);
}
const node = (...args) => spawnSync(process.execPath, args, { stdio: 'inherit' }).status ?? 1;
if (!process.env.PYTHON) {
  const python = fileURLToPath(new URL('../node_modules/.cache/uafer-python/python', import.meta.url));
  node(fileURLToPath(new URL('../scripts/comparison-python.js', import.meta.url)));
  if (existsSync(python)) process.env.PYTHON = python;
}
process.exit(node(script, ...options));
