/**
 * Pictures decoded, resized (Pillow's bicubic), normalised and batched per second: this project's loader with 0, 1 and 2 threads, and where
 * decoded pictures are kept on the disk, beside Pillow and NumPy in one Python process. All take turns in each round, because a shared machine's speed drifts.
 *
 *   PYTHON=python3 node bench/load.js [--pictures FOLDER] [--count 400] [--size 224] [--rounds 5]
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import { cpus } from 'node:os';
import { extname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { parseArgs } from 'node:util';
import sharp from 'sharp';
import { preprocessingFor } from '#uafer/data/datasets.js';
import { createBatchSource } from '#uafer/data/loader.js';

const BATCH = 32;
/** Bytes on the disk for decoded pictures: the round that warms up fills them. */
const KEPT = 1e9;
const { values } = parseArgs({
  options: {
    pictures: { type: 'string', default: 'examples/faces/basic/Image/aligned_224' },
    count: { type: 'string', default: '400' },
    size: { type: 'string', default: '224' },
    rounds: { type: 'string', default: '5' },
  },
});
const [count, size, rounds] = [Number(values.count), Number(values.size), Number(values.rounds)];
const paths = readdirSync(values.pictures)
  .filter((file) => ['.jpg', '.jpeg', '.png'].includes(extname(file).toLowerCase()))
  .slice(0, count)
  .map((file) => join(values.pictures, file));

console.log(`${cpus().length} x ${cpus()[0]?.model}; Node.js ${process.version}, sharp ${sharp.versions.sharp}`);
const contenders = [ours(0), ours(1), ours(2), ours(0, KEPT), ours(2, KEPT), await pillow()];
console.log(`${paths.length} pictures of ${values.pictures}, to ${size} x ${size}, batches of ${BATCH}, ${rounds} rounds`);

/** @type {Map<string, number[]>} */
const seconds = new Map(contenders.map(({ name }) => [name, []]));
for (let round = -1; round < rounds; round++) {
  for (const { name, pass } of contenders) {
    const took = await pass();
    // The first round warms up: threads start, code compiles, files come into the system's cache.
    if (round >= 0) seconds.get(name)?.push(took);
  }
}
await Promise.all(contenders.map(({ close }) => close()));

console.table(
  [...seconds].map(([name, all]) => {
    const sorted = all.toSorted((a, b) => a - b);
    const rate = (/** @type {number | undefined} */ time) => Math.round(paths.length / (time ?? Number.NaN));
    return { name, 'pictures/s (best)': rate(sorted[0]), 'pictures/s (median)': rate(sorted[sorted.length >> 1]) };
  }),
);

/** @typedef {{ name: string, pass: () => Promise<number>, close: () => Promise<void> }} Contender */

/**
 * @param {number} workers
 * @param {number} [keptBytes] none: every round decodes
 * @returns {Contender}
 */
function ours(workers, keptBytes = 0) {
  const source = createBatchSource({
    samples: paths.map((path) => ({ file: path, path, label: 0 })),
    transform: { ...preprocessingFor('rafdb', size), centerCrop: true, augment: 'none' },
    ...{ batchSize: BATCH, draw: 'sequential', seed: 0, workers, allowUnreadable: false, substitute: false },
    keptBytes,
  });
  const pass = async () => {
    const begin = performance.now();
    for await (const { indices } of source.epoch(0)) if (indices.length === 0) throw new Error('an empty batch');
    return (performance.now() - begin) / 1000;
  };
  return {
    name: `ours, ${workers === 0 ? "caller's thread" : `${workers} worker${workers > 1 ? 's' : ''}`}${keptBytes > 0 ? ', kept pictures' : ''}`,
    pass,
    close: source.close,
  };
}

/** @returns {Promise<Contender>} */
async function pillow() {
  const script = new URL('load.py', import.meta.url).pathname;
  const python = spawn(process.env.PYTHON ?? 'python3', [script, String(BATCH), String(size), ...paths], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const lines = createInterface({ input: python.stdout })[Symbol.asyncIterator]();
  const read = async () => {
    const { value, done } = await lines.next();
    if (done) throw new Error('Python ended; set PYTHON to one that has Pillow and NumPy');
    return JSON.parse(value);
  };
  console.log(await read());
  return {
    name: 'Pillow, 1 process',
    pass: () => {
      python.stdin.write('\n');
      return read();
    },
    close: async () => {
      python.stdin.end();
      await once(python, 'exit');
    },
  };
}
