import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

/** Runs children/memory.js, which measures in a process of its own. */
function measure<T>(what: string, env: Record<string, string> = {}): T {
  const script = fileURLToPath(new URL('children/memory.js', import.meta.url));
  const { status, signal, stdout, stderr } = spawnSync(process.execPath, ['--expose-gc', script, what], {
    encoding: 'utf8',
    env: { ...process.env, ...env },
  });
  if (status !== 0) throw new Error(`memory.js ${what} ended with ${signal ?? status}:\n${stderr}`);
  return JSON.parse(stdout);
}

describe('memory', () => {
  it('stays flat over 1,000 training steps in scopes', () => {
    const { handles, memory, firstLoss, lastLoss } = measure<{
      handles: number[];
      memory: number[];
      firstLoss: number;
      lastLoss: number;
    }>('steps');
    expect(new Set(handles).size).toBe(1);
    const settled = memory[4] as number; // after 250 steps
    expect(Math.max(...memory.slice(4)) - settled).toBeLessThan(12); // MiB
    expect(lastLoss).toBeLessThan(firstLoss / 2);
  });

  it('of tensors that nobody disposes is collected', () => {
    const { made, peak, after, handles } = measure<{
      made: number;
      peak: number;
      after: number;
      handles: number;
    }>('abandoned');
    expect(made).toBe(8000);
    expect(peak).toBeLessThan(1500);
    expect(after).toBeLessThan(500);
    expect(handles).toBe(0);
  });

  it('of large tensors serves the next ones of their sizes, and is bounded by what was in use at once', () => {
    const { faults, grown, released } = measure<{ faults: number; grown: number; released: number }>('reused');
    expect(faults).toBeLessThan(1000); // fresh memory would take 50 x 24,576 pages of 4 KiB
    expect(grown).toBeLessThan(96 / 8 + 4); // MiB; the sizes that follow are 1.2 to 70 MiB, 2 GiB in all
    expect(released).toBeGreaterThan(80);
  });

  it('of handles that are collected before their scope ends is freed once', () => {
    // Freed memory is overwritten, so that using it is noticed.
    expect(measure('collected', { MALLOC_PERTURB_: '165' })).toEqual({
      handles: 0,
    });
  });

  it('that tensors hold is counted, and the most at once', () => {
    const { before, held, after, peak, reset } =
      measure<Record<'before' | 'held' | 'after' | 'peak' | 'reset', number>>('counted');
    expect(before).toBeLessThan(1);
    expect(held - before).toBeGreaterThanOrEqual(24 + 400 / 1024); // MiB
    expect(held - before).toBeLessThan(26);
    expect(after).toBe(before);
    expect(peak).toBeGreaterThanOrEqual(held + 40);
    expect(reset).toBe(after);
  });
});
