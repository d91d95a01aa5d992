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

/** @type {Map<string, { seconds: number, cpu: number }[]>} */
const steps = new Map(contenders.map(({ name }) => [name, []]));
for (let round = 0; round <= Number(rounds); round++) {
  for (const { name, step } of round % 2 === 0 ? contenders : contenders.toReversed()) {
    const { seconds, cpu, loss } = await step();
    const times = `${seconds.toFixed(2)} s (${cpu.toFixed(2)} s of processor)`;
    console.log(`${round === 0 ? 'warm-up' : `round ${round}`}  ${name.padEnd(8)} ${times}  loss ${loss.toFixed(4)}`);
    if (round > 0) steps.get(name)?.push({ seconds, cpu });
  }
}
/** @type {Map<string, number>} */
const peaks = new Map();
for (const { name, close } of contenders) peaks.set(name, (await close()).peakMiB);

/** @type {Record<string, (name: string) => number>} */
const figures = {
  'best (s)': (name) => Math.min(...of(name, 'seconds')),
  'median (s)': (name) => median(of(name, 'seconds')),
  // Other programs on the machine lengthen a step, but hardly add to the processor time that it takes.
  'processor, median (s)': (name) => median(of(name, 'cpu')),
  'peak memory (MiB)': (name) => peaks.get(name) ?? Number.NaN,
};
const table = Object.entries(figures).map(([figure, value]) => {
  const [ours, python] = [value('uafer'), value('PyTorch')];
  return { figure, uafer: ours.toFixed(2), PyTorch: python.toFixed(2), ratio: (ours / python).toFixed(3) };
});
console.table(table);
console.log(`load ${loadavg()[0]?.toFixed(1)} after`);

/**
 * @param {string} name
 * @param {'seconds' | 'cpu'} time
 */
function of(name, time) {
  return (steps.get(name) ?? []).map((step) => step[time]);
}

/** @param {number[]} numbers */
function median(numbers) {
  const sorted = numbers.toSorted((a, b) => a - b);
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
