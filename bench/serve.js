/**
 * `npm run bench serve [-- --seconds 10 --rounds 1 --what photos,faces --clients 1,8,64 --threads 1]`: pictures a second and latency of the service over
 * loopback, with and without batches, beside what the predictor alone does with the same pictures in the same run. autocannon asks from a process
 * of its own, which takes its part of the processors.
 */
import { spawnSync } from 'node:child_process';
import { availableParallelism, cpus } from 'node:os';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { createPredictor } from '../dist/node/index.js';
import { runtimeVersion } from './runtimeVersion.js';
import { pictures, startServe } from './serveRequests.js';

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '10' },
    rounds: { type: 'string', default: '1' },
    what: { type: 'string', default: 'photos,faces' },
    clients: { type: 'string', default: '1,8,64' },
    threads: { type: 'string', default: '1' },
    json: { type: 'boolean', default: false },
  },
});
const seconds = Number(values.seconds);
const clients = values.clients.split(',').map(Number);
const CANNON = fileURLToPath(new URL('serveCannon.js', import.meta.url));
const WAYS = [
  { way: 'batches of up to 8, gathered for 3 ms', args: [] },
  { way: 'one picture at a time', args: ['--batch', '1', '--gather', '0'] },
];

/** @typedef {{ what: string, way: string, clients: number | null, perSecond: number, p50: number | null, p99: number | null, share: number | null }} Row */
/** @type {Row[]} */
const rows = [];
console.log(
  `${runtimeVersion()}, Node.js ${process.version}, ${availableParallelism()} x ${cpus()[0]?.model}, ${values.threads} thread(s) for the network`,
);
for (let round = 1; round <= Number(values.rounds); round++) {
  for (const what of /** @type {('photos' | 'faces')[]} */ (values.what.split(','))) {
    const alone = await predictorAlone(what);
    add({ what, way: 'the predictor alone', clients: null, perSecond: alone, p50: null, p99: null, share: null });
    for (const { way, args } of WAYS) {
      const { url, child, ended } = await startServe(['--threads', values.threads, '--log-level', 'silent', ...args]);
      for (const count of clients) {
        const measured = cannon(url, what, count);
        add({ what, way, clients: count, ...measured, share: measured.perSecond / alone });
      }
      child.kill('SIGTERM');
      await ended;
    }
  }
}
if (values.json) console.log(JSON.stringify(rows));

/** @param {Row} row */
function add(row) {
  rows.push(row);
  const { what, way, clients: count, perSecond, p50, p99, share } = row;
  const latency =
    p50 === null ? '' : `  p50 ${p50} ms, p99 ${p99} ms, ${(100 * (share ?? 0)).toFixed(0)}% of the predictor alone`;
  console.log(
    `${what.padEnd(7)}${way.padEnd(40)}${count === null ? '' : `${String(count).padStart(3)} clients`}  ${perSecond.toFixed(1)} a second${latency}`,
  );
}

/** @param {'photos' | 'faces'} what */
async function predictorAlone(what) {
  const predictor = await createPredictor({ threads: Number(values.threads) });
  const files = pictures(what).map(({ bytes }) => bytes);
  const until = { time: performance.now() + 1000 };
  const endless = function* () {
    for (let i = 0; performance.now() < until.time; i++) yield/** @type {Buffer} */ (files[i % files.length]);
  };
  const count = async () => {
    let made = 0;
    const begin = performance.now();
    for await (const answer of predictor.predictMany(endless(), { aligned: what === 'faces' })) {
      if ('error' in answer) throw answer.error;
      made++;
    }
    return made / ((performance.now() - begin) / 1000);
  };
  await count();
  until.time = performance.now() + 1000 * seconds;
  const perSecond = await count();
  await predictor.close();
  return perSecond;
}

/** @param {string} url @param {string} what @param {number} count */
function cannon(url, what, count) {
  const { stdout, stderr, status } = spawnSync(process.execPath, [CANNON, url, what, String(count), values.seconds], {
    encoding: 'utf8',
  });
  if (status !== 0) throw new Error(stderr);
  return /** @type {{ perSecond: number, p50: number, p99: number }} */ (JSON.parse(stdout));
}
