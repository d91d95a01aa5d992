/** `npm run bench NAME [-- OPTIONS]`: runs one of the comparisons beside this file. */
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const NAMES = ['step', 'load', 'backbone'];
const [name = '', ...options] = process.argv.slice(2);
const script = fileURLToPath(new URL(`${name}.js`, import.meta.url));
if (!NAMES.includes(name) || !existsSync(script)) {
  console.error(
    `npm run bench NAME: expected one of ${NAMES.join(', ')}, got "${name}". bench/README.md says what each compares.`,
  );
  process.exit(2);
}
process.exit(spawnSync(process.execPath, [script, ...options], { stdio: 'inherit' }).status ?? 1);
