import { spawn } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

export interface Outcome {
  /** Exit code; null after a signal. */
  code: number | null;
  stdout: string;
  stderr: string;
}

export const main = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));

interface RunOptions {
  /** Goes over this process's environment. */
  env?: Record<string, string>;
  cwd?: string;
  /** A file that takes the standard output instead; on `/dev/full` no space is left. */
  stdoutTo?: string;
}

/** Runs the real command line to its end. */
export function uafer(args: readonly string[], { env, cwd, stdoutTo }: RunOptions = {}): Promise<Outcome> {
  return new Promise((resolve, reject) => {
    const file = stdoutTo === undefined ? 'pipe' : openSync(stdoutTo, 'w');
    const child = spawn(process.execPath, [main, ...args], {
      cwd,
      env: { ...process.env, ...env },
      stdio: ['ignore', file, 'pipe'],
    });
    if (typeof file === 'number') closeSync(file);
    const outcome = { stdout: '', stderr: '' };
    child.stdout?.on('data', (chunk) => {
      outcome.stdout += chunk;
    });
    child.stderr?.on('data', (chunk) => {
      outcome.stderr += chunk;
    });
    child.on('error', reject);
    child.on('close', (code) => resolve({ code, ...outcome }));
  });
}
