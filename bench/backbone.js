/**
 * Training steps of the small backbone (`recipes/small-clip.yaml` on FER+: 48 x 48, batch 128, bf16) with everything that a run does
 * at a step, pictures included: this project beside plain PyTorch from Python. Each has a process of its own; they take turns,
 * because a shared machine's speed drifts.
 *
 *   PYTHON=python3 node bench/backbone.js --ferplus FOLDER [--rounds 4] [--steps 50]
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { cpus, loadavg } from 'node:os';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const { values } = parseArgs({
  options: {
    ferplus: { type: 'string' },
    rounds: { type: 'string', default: '4' },
    steps: { type: 'string', default: '50' },
  },
});
const { ferplus, steps } = values;
const rounds = Number(values.rounds);
if (!ferplus) {
  console.error("--ferplus FOLDER is needed: FER+ in its owners' layout");
  process.exit(2);
}

console.log(`${cpus().length} x ${cpus()[0]?.model}, load ${loadavg()[0]?.toFixed(1)} before; Node.js ${process.version}`);
console.log(`${rounds} rounds of ${steps} steps after one to warm up`);
const contenders = [
  contender('uafer', process.execPath, 'backboneOurs.js'),
  contender('PyTorch', process.env.PYTHON ?? 'python3', 'backbone.py'),
];

/** @typedef {{ seconds: number, loss: number, peakMb: number, waiting?: number, stepsPerEpoch?: number }} Round */
/** @type {Map<string, Round[]>} */
const results = new Map(contenders.map(({ name }) => [name, []]));
for (let round = 0; round <= rounds; round++) {
  for (const { name, train } of contenders) {
    const result = await train();
    console.log(
      `${round === 0 ? 'warm-up' : `round ${round}`}  ${name.padEnd(8)} ${result.seconds.toFixed(4)} s  loss ${result.loss.toFixed(4)}`,
    );
    if (round > 0) results.get(name)?.push(result);
  }
}
await Promise.all(contenders.map(({ close }) => close()));

const last = (/** @type {string} */ name) => results.get(name)?.at(-1);
const stepsPerEpoch = last('uafer')?.stepsPerEpoch ?? Number.NaN;
console.table(
  contenders.map(({ name }) => ({
    name,
    'best (s a step)': best(name).toFixed(4),
    'median (s a step)': median(name).toFixed(4),
    'an epoch (min, median)': ((median(name) * stepsPerEpoch) / 60).toFixed(2),
    'peak memory (MiB)': Math.round(last(name)?.peakMb ?? Number.NaN),
  })),
);
const ratio = (/** @type {(name: string) => number} */ of) => (of('uafer') / of('PyTorch')).toFixed(3);
console.log(`uafer / PyTorch: best ${ratio(best)}, median ${ratio(median)}; load ${loadavg()[0]?.toFixed(1)} after`);
console.log(`uafer waited ${((last('uafer')?.waiting ?? Number.NaN) * 1000).toFixed(1)} ms a step for pictures`);

/** @param {string} name */
function ordered(name) {
  return (results.get(name) ?? []).map(({ seconds }) => seconds).toSorted((a, b) => a - b);
}

/** @param {string} name */
function best(name) {
  return ordered(name)[0] ?? Number.NaN;
}

/** @param {string} name */
function median(name) {
  const sorted = ordered(name);
  return sorted[sorted.length >> 1] ?? Number.NaN;
}

/**
 * A process that trains a round for each line that it is sent, and says how long it took.
 *
 * @param {string} name
 * @param {string} command
 * @param {string} script
 */
function contender(name, command, script) {
  const path = fileURLToPath(new URL(script, import.meta.url));
  const child = spawn(command, [path, ferplus, steps], { stdio: ['pipe', 'pipe', 'inherit'] });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const train = async () => {
    child.stdin.write('\n');
    const { value, done } = await lines.next();
    if (done) throw new Error(`${name} ended; it was started as ${command} ${path} ${ferplus} ${steps}`);
    return JSON.parse(value);
  };
  const close = async () => {
    child.stdin.end();
    await once(child, 'exit');
  };
  return { name, train, close };
}
