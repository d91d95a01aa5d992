/**
 * One training step of UA-FER on CLIP ViT-B/16 (RAF-DB recipe, fp32; texts and teacher recomputed at every step, as the original
 * does): this engine beside plain PyTorch from Python. Each has a process of its own; they take turns, because a shared machine's
 * speed drifts.
 *
 *   PYTHON=python3 node bench/step.js [--batch 16] [--rounds 3] [--threads 2] [--layers 12]
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { availableParallelism, cpus, loadavg } from 'node:os';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const { values } = parseArgs({
  options: {
    batch: { type: 'string', default: '16' },
    rounds: { type: 'string', default: '3' },
    threads: { type: 'string', default: String(availableParallelism()) },
    layers: { type: 'string', default: '12' },
  },
});
const { batch, rounds, threads, layers } = values;
const contenders = [
  contender('uafer', process.execPath, 'stepOurs.js'),
  contender('PyTorch', process.env.PYTHON ?? 'python3', 'step.py'),
];

console.log(`${cpus().length} x ${cpus()[0]?.model}, load ${loadavg()[0]?.toFixed(1)} before; ${threads} threads`);
console.log(`ViT-B/16 with ${layers} blocks, batch ${batch}, fp32; ${rounds} rounds after one to warm up`);
for (const { read } of contenders) console.log((await read()).versions);

/** @type {Map<string, number[]>} */
const seconds = new Map(contenders.map(({ name }) => [name, []]));
for (let round = 0; round <= Number(rounds); round++) {
  for (const { name, step } of contenders) {
    const { seconds: took, loss } = await step();
    console.log(
      `${round === 0 ? 'warm-up' : `round ${round}`}  ${name.padEnd(8)} ${took.toFixed(2)} s  loss ${loss.toFixed(4)}`,
    );
    if (round > 0) seconds.get(name)?.push(took);
  }
}
/** @type {Map<string, number>} */
const peaks = new Map();
for (const { name, close } of contenders) peaks.set(name, (await close()).peakMiB);

console.table(
  contenders.map(({ name }) => ({
    name,
    'best (s)': ordered(name)[0]?.toFixed(2),
    'median (s)': median(name).toFixed(2),
    'peak memory (MiB)': Math.round(peaks.get(name) ?? Number.NaN),
  })),
);
const ratio = (/** @type {(name: string) => number} */ of) => (of('uafer') / of('PyTorch')).toFixed(3);
const best = (/** @type {string} */ name) => ordered(name)[0] ?? Number.NaN;
console.log(
  `uafer / PyTorch: best ${ratio(best)}, median ${ratio(median)}, peak memory ${ratio((name) => peaks.get(name) ?? Number.NaN)}`,
);
console.log(`load ${loadavg()[0]?.toFixed(1)} after`);

/** @param {string} name */
function ordered(name) {
  return (seconds.get(name) ?? []).toSorted((a, b) => a - b);
}

/** @param {string} name */
function median(name) {
  const sorted = ordered(name);
  return sorted[sorted.length >> 1] ?? Number.NaN;
}

/**
 * A process that says its versions, then steps once for each line that it is sent, and at the end says its peak memory.
 *
 * @param {string} name
 * @param {string} command
 * @param {string} script
 */
function contender(name, command, script) {
  const path = fileURLToPath(new URL(script, import.meta.url));
  const child = spawn(command, [path, batch, threads, layers], { stdio: ['pipe', 'pipe', 'inherit'] });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const read = async () => {
    const { value, done } = await lines.next();
    if (done) throw new Error(`${name} ended; it was started as ${command} ${path}`);
    return JSON.parse(value);
  };
  const step = () => {
    child.stdin.write('\n');
    return read();
  };
  const close = async () => {
    child.stdin.end();
    const last = await read();
    await once(child, 'exit');
    return last;
  };
  return { name, read, step, close };
}
