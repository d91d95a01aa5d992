/** Several processes on one machine, as torchrun starts them: the same program with other variables. */
import { type ChildProcess, spawn } from 'node:child_process';
import { createServer } from 'node:net';
import { availableParallelism } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
/** Set for the processes that are started here. */
const STARTED = 'UAFER_STARTED_PROCESS';
/** After one has failed, rank 0 notices and says so, and then the others have nothing left to do: who has not ended by then is ended. */
const LEADER_MS = 30_000;
const OTHERS_MS = 3000;

interface Ended {
  rank: number;
  code: number | null;
  signal: NodeJS.Signals | null;
}

/**
 * Runs `script` with `args` in `size` processes that find each other on this machine, and gives the exit code of rank 0, else of another
 * one that failed. Rank 0 has this process's terminal; what the others write to the standard error is shown when it could not tell of the
 * failure itself. A signal to this process reaches each of them once; at the second they end at once.
 */
export async function startProcesses(script: string, args: readonly string[], size: number): Promise<number> {
  const port = await freePort();
  const said: string[] = Array.from({ length: size }, () => '');
  const children = Array.from({ length: size }, (_, rank) => start(script, args, { rank, size, port }));
  for (const [rank, child] of children.entries()) {
    child.stderr?.on('data', (chunk) => {
      said[rank] += chunk;
    });
  }
  const passOn = passSignals(children);
  const endings = children.map((child, rank) => ended(child, rank));
  for (const ending of endings) void ending.then((how) => (failed(how) ? endRest(children, endings) : undefined));
  const all = await Promise.all(endings);
  passOn.stop();
  const [first] = all as [Ended, ...Ended[]];
  if (first.signal !== null) process.stderr.write(said.slice(1).join(''));
  for (const { rank, signal } of all)
    if (signal !== null) process.stderr.write(`uafer: rank ${rank} of ${size} ended by ${signal}.\n`);
  const worst = all.find(failed);
  return worst ? (worst.code ?? 1) : 0;
}

/** To be called by what may be such a process: it ends when the one that started it is gone. */
export function endWithStarter(): void {
  if (process.env[STARTED] === undefined || process.channel === undefined) return;
  process.on('disconnect', () => process.kill(process.pid, 'SIGKILL'));
  process.channel?.unref();
}

function start(
  script: string,
  args: readonly string[],
  { rank, size, port }: { rank: number; size: number; port: number },
): ChildProcess {
  const threads = Math.max(1, Math.floor(availableParallelism() / size));
  return spawn(process.execPath, [...process.execArgv, script, ...args], {
    // A group of its own: Ctrl-C reaches it through this process alone, and once.
    detached: true,
    stdio: ['ignore', rank === 0 ? 'inherit' : 'ignore', rank === 0 ? 'inherit' : 'pipe', 'ipc'],
    env: {
      OMP_NUM_THREADS: String(threads),
      ...process.env,
      RANK: String(rank),
      LOCAL_RANK: String(rank),
      WORLD_SIZE: String(size),
      MASTER_ADDR: '127.0.0.1',
      MASTER_PORT: String(port),
      [STARTED]: '1',
    },
  });
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', resolve);
  });
  const { port } = server.address() as { port: number };
  await new Promise((resolve) => server.close(resolve));
  return port;
}

function ended(child: ChildProcess, rank: number): Promise<Ended> {
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code, signal) => resolve({ rank, code, signal }));
  });
}

const failed = ({ code }: Ended) => code !== 0;

async function endRest(children: readonly ChildProcess[], [leader]: readonly Promise<Ended>[]): Promise<void> {
  await Promise.race([leader, sleep(LEADER_MS, undefined, { ref: false })]);
  await sleep(OTHERS_MS, undefined, { ref: false });
  for (const child of children) if (child.exitCode === null && child.signalCode === null) child.kill('SIGKILL');
}

function passSignals(children: readonly ChildProcess[]): { stop(): void } {
  const onSignal = (signal: NodeJS.Signals) => {
    // The next one ends this process by the system, and with it the others (`endWithStarter`).
    stop();
    for (const child of children) child.kill(signal);
  };
  const stop = () => {
    for (const signal of SIGNALS) process.off(signal, onSignal);
  };
  for (const signal of SIGNALS) process.on(signal, onSignal);
  return { stop };
}
