import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';
import { ops, type Tensor } from '#uafer/engine/index.js';

const folder = mkdtempSync(join(tmpdir(), 'uafer-misuse-'));
afterAll(() => rmSync(folder, { recursive: true }));

interface Tally {
  operators: number;
  calls: number;
  failures: number;
  wrong: string[];
}

/** Runs children/misuse.js with little memory, so that what asks for too much gets an error; what ends it is part of the failure. */
async function misuse(seed: number, rounds: number, operators: 'own' | 'all'): Promise<Tally> {
  const lastCall = join(folder, `last-${operators}-${seed}`);
  const script = fileURLToPath(new URL('children/misuse.js', import.meta.url));
  const limited = 'ulimit -v 4000000; exec "$0" "$@"';
  const child = spawn('sh', ['-c', limited, process.execPath, script, `${seed}`, `${rounds}`, lastCall, operators]);
  let output = '';
  child.stdout.on('data', (chunk) => {
    output += chunk;
  });
  child.stderr.on('data', (chunk) => {
    output += chunk;
  });
  const [code, signal] = await new Promise<[number | null, NodeJS.Signals | null]>((resolve) =>
    child.on('close', (...how) => resolve(how)),
  );
  if (code !== 0) throw new Error(`ended with ${signal ?? code} in ${readFileSync(lastCall, 'utf8').trimEnd()}\n${output}`);
  return JSON.parse(output.slice(output.lastIndexOf('\n{') + 1));
}

describe('operators called wrongly', () => {
  it("give an OPERATOR error or a result: the project's own, thoroughly", {
    timeout: 300_000,
  }, async () => {
    const { operators, calls, failures, wrong } = await misuse(1, 200, 'own');
    expect(wrong).toEqual([]);
    expect(operators).toBeGreaterThan(80);
    expect(failures).toBeGreaterThan(calls / 3);
    expect(failures).toBeLessThan(calls);
  });

  it('give an OPERATOR error or a result: all of libtorch', {
    timeout: 300_000,
  }, async () => {
    const { operators, wrong } = await misuse(2, 4, 'all');
    expect(wrong).toEqual([]);
    expect(operators).toBeGreaterThan(2000);
  });

  it('give an OPERATOR error where the lists of fusedAdamw_ differ in shape', () => {
    const [long, short] = [() => ops.zeros([100]), () => ops.zeros([1])];
    const options = {
      lr: 1,
      beta1: 0.9,
      beta2: 0.99,
      weightDecay: 0,
      eps: 1e-8,
    };
    const step = (gradient: Tensor, average: Tensor, square: Tensor) => () =>
      ops.fusedAdamw_([long()], [gradient], [average], [square], [ops.zeros([])], options);
    for (const lists of [step(short(), long(), long()), step(long(), short(), long()), step(long(), long(), short())]) {
      expect(lists).toThrow(
        expect.objectContaining({
          code: 'OPERATOR',
          message: expect.stringContaining('[100]'),
        }),
      );
    }
    expect(() => ops.fusedAdamw_([long()], [], [long()], [long()], [ops.zeros([])], options)).toThrow(/fused_adamw/);
  });
});
