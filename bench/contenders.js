/**
 * Processes that are compared, both ends of the conversation: each says its versions, then works once for each line of JSON that it is sent
 * and answers with one. They take turns, because a shared machine's speed drifts.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { cpus, loadavg } from 'node:os';
import { createInterface } from 'node:readline';
import { setTimeout } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

/**
 * @template Answer
 * @typedef {{ name: string, pass: (request?: unknown) => Promise<Answer>, close: () => Promise<void> }} Contender
 */

/** @param {string[]} notes what else stands in a bench's first line */
export function sayMachine(...notes) {
  console.log([`${cpus().length} x ${cpus()[0]?.model}`, `load ${load()} before`, ...notes].join(', '));
}

export function sayLoad() {
  console.log(`load ${load()} after`);
}

function load() {
  return loadavg()[0]?.toFixed(1);
}

/**
 * Starts a process and prints its versions.
 *
 * @param {string} name
 * @param {string} command
 * @param {string[]} args a script beside this file, and its arguments
 * @returns {Promise<Contender<any>>}
 */
export async function startContender(name, command, [script = '', ...args]) {
  const path = fileURLToPath(new URL(script, import.meta.url));
  const process = spawn(command, [path, ...args], { stdio: ['pipe', 'pipe', 'inherit'] });
  // A process that has died says so by ending its lines.
  process.stdin.on('error', () => {});
  const lines = createInterface({ input: process.stdout })[Symbol.asyncIterator]();
  const read = async () => {
    const { value, done } = await lines.next();
    if (done) throw new Error(`${name} ended; it was started as ${command} ${path}`);
    return JSON.parse(value);
  };
  console.log((await read()).versions);
  return {
    name,
    pass: (request = null) => {
      process.stdin.write(`${JSON.stringify(request)}\n`);
      return read();
    },
    close: async () => {
      process.stdin.end();
      if (process.exitCode === null) await once(process, 'exit');
    },
  };
}

/**
 * The other end.
 *
 * @param {string} versions
 * @param {(request: any) => Promise<object> | object} work
 */
export async function serve(versions, work) {
  say({ versions });
  for await (const line of createInterface({ input: process.stdin })) say(await work(JSON.parse(line)));
  process.exit();
}

/** @param {object} line */
function say(line) {
  process.stdout.write(`${JSON.stringify(line)}\n`);
}

/** Threads that wait for work burn a core for some milliseconds before they sleep: the next one's turn begins after that. */
const PAUSE = 100;

/**
 * Everyone's passes after a round to warm up, the order turned round from one round to the next.
 *
 * @template Answer
 * @param {Contender<Answer>[]} contenders
 * @param {{ rounds: number, passes?: number, requests?: unknown[], onWarm?: () => void }} options `passes` of each request a turn
 * @returns {Promise<Map<string, Answer[]>>}
 */
export async function takeTurns(contenders, { rounds, passes = 1, requests = [null], onWarm = () => {} }) {
  /** @type {Map<string, Answer[]>} */
  const answers = new Map(contenders.map(({ name }) => [name, []]));
  for (let round = -1; round < rounds; round++) {
    for (const { name, pass } of round % 2 === 0 ? contenders : contenders.toReversed()) {
      await setTimeout(PAUSE);
      for (const request of requests) {
        for (let i = 0; i < passes; i++) {
          const answer = await pass(request);
          if (round >= 0) answers.get(name)?.push(answer);
        }
      }
    }
    if (round < 0) onWarm();
  }
  return answers;
}

/**
 * Time of some work, and the processor's that this process spent on it: other programs on the machine lengthen the first, but hardly the second.
 *
 * @template Result
 * @param {() => Promise<Result>} work
 */
export async function timed(work) {
  const [begin, used] = [performance.now(), process.cpuUsage()];
  const result = await work();
  const seconds = (performance.now() - begin) / 1000;
  const { user, system } = process.cpuUsage(used);
  return { result, seconds, cpu: (user + system) / 1e6 };
}

/** The most memory that this process took so far (Linux). */
export function peakMiB() {
  return Number(/VmHWM:\s+(\d+)/.exec(readFileSync('/proc/self/status', 'utf8'))?.[1]) / 1024;
}

/** @param {number[]} numbers */
export function median(numbers) {
  const sorted = numbers.toSorted((a, b) => a - b);
  return sorted[sorted.length >> 1] ?? Number.NaN;
}

/** @param {number} seconds */
export function milliseconds(seconds) {
  return (seconds * 1000).toFixed(1);
}
