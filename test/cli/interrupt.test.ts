import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { temporaryFolder } from '../support/pictures.js';
import { specialFiles } from '../support/specialFiles.js';

const interrupt = fileURLToPath(new URL('../../dist/cli/interrupt.js', import.meta.url));
const fifo = specialFiles.find(({ name }) => name === 'fifo');

/** Waits for ever in a system call that no handler of signals can break off: nobody writes to the FIFO. */
const waiting = (path: string) => `require('node:fs').readFileSync(${JSON.stringify(path)})`;

/** Runs a program that a first signal aborts, sends it signals one after the other, each once it says so, and gives what ended it. */
function run(program: string, signals: readonly NodeJS.Signals[]): Promise<{ output: string; signal: string | null }> {
  const code = `
    import { createRequire } from 'node:module';
    import { Worker } from 'node:worker_threads';
    import { abortOnInterrupt } from ${JSON.stringify(interrupt)};
    const require = createRequire(import.meta.url);
    setInterval(() => {}, 1000);
    const say = (text) => require('node:fs').writeSync(1, text + '\\n');
    ${program}`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', code], {
    stdio: ['ignore', 'pipe', 'inherit'],
    timeout: 20_000,
    killSignal: 'SIGKILL',
  });
  const left = [...signals];
  let output = '';
  child.stdout.on('data', (chunk) => {
    output += chunk;
    const next = left.shift();
    if (next) child.kill(next);
  });
  return new Promise((resolve) => child.on('close', (_, signal) => resolve({ output, signal })));
}

describe('Ctrl-C and SIGTERM', () => {
  it.each(['SIGINT', 'SIGTERM'] as const)('abort at the first %s, and the second ends the process', async (signal) => {
    const program = `abortOnInterrupt(() => say('told')).addEventListener('abort', () => {}); say('ready');`;
    expect(await run(program, [signal, signal])).toEqual({ output: 'ready\ntold\n', signal });
  });

  it('end the process at the second one, whichever it is, while a thread waits in the system for ever', async () => {
    using folder = temporaryFolder();
    const path = join(folder.path, 'fifo');
    await fifo?.make(path, folder.path);
    const thread = `new Worker(${JSON.stringify(waiting(path))}, { eval: true, execArgv: [] })
      .on('online', () => setTimeout(() => say('ready'), 200));`;
    const program = `abortOnInterrupt(() => say('told')); ${thread}`;
    expect(await run(program, ['SIGINT', 'SIGTERM'])).toEqual({ output: 'ready\ntold\n', signal: 'SIGTERM' });
  });

  it('end the process at the second one while the main thread itself waits', async () => {
    using folder = temporaryFolder();
    const path = join(folder.path, 'fifo');
    await fifo?.make(path, folder.path);
    const program = `abortOnInterrupt(() => { say('told'); ${waiting(path)}; }); say('ready');`;
    expect(await run(program, ['SIGTERM', 'SIGINT'])).toEqual({ output: 'ready\ntold\n', signal: 'SIGINT' });
  });
});
