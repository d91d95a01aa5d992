/**
 * `npm run bench serveSchema [-- --examples 50 --seed 1]`: holds a service to its OpenAPI description with schemathesis, which makes requests that fit it
 * and requests that don't. SCHEMATHESIS names the program where it is not on the PATH (`pip install schemathesis`). Ends as it does.
 */
import { spawnSync } from 'node:child_process';
import { tmpdir } from 'node:os';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { startServe } from './serveRequests.js';

const { values } = parseArgs({
  options: { examples: { type: 'string', default: '50' }, seed: { type: 'string', default: '1' } },
});
const TOKEN = 'a-token-that-schemathesis-knows';
const program = process.env.SCHEMATHESIS ?? 'schemathesis';
const { url, child, ended } = await startServe([], { UAFER_TOKENS: TOKEN });
const { status, error } = spawnSync(
  program,
  [
    ...['--config-file', fileURLToPath(new URL('schemathesis.toml', import.meta.url))],
    ...['run', `${url}/openapi.json`, '-H', `Authorization: Bearer ${TOKEN}`],
    ...['--max-examples', values.examples, '--seed', values.seed, '--generation-database', ':memory:'],
  ],
  // Its records of the run stay out of the repository.
  { stdio: 'inherit', cwd: tmpdir() },
);
child.kill('SIGTERM');
await ended;
if (error)
  console.error(`${program} cannot be run (${error.message}): pip install schemathesis, or name it with SCHEMATHESIS.`);
process.exit(status ?? 2);
