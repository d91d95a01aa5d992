import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';

export interface Outcome {
  /** Exit code; null after a signal. */
  code: number | null;
  stdout: string;
  stderr: string;
}

export const main = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));

/** Runs the real command line to its end; `env` goes over this process's environment. */
export function uafer(args: readonly string[], options: { env?: Record<string, string>; cwd?: string } = {}): Promise<Outcome> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [main, ...args], { cwd: options.cwd, env: { ...process.env, ...options.env } });
    const outcome = { stdout: '', stderr: '' };
    child.stdout.on('data', (chunk) => {
      outcome.stdout += chunk;
    });
    child.stderr.on('data', (chunk) => {
      outcome.stderr += chunk;
    });
    child.on('error', reject);
    child.on('close', (code) => resolve({ code, ...outcome }));
  });
}
