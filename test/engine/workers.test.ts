import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

describe('a thread that ends', () => {
  it.each([
    ['returned', 8],
    ['thrown', 8],
    ['exited', 8],
    ['terminated', 25],
  ])('by being %s, with tensors alive, leaves the process whole', (how, times) => {
    const script = fileURLToPath(new URL('children/workers.js', import.meta.url));
    const { status, signal, stdout, stderr } = spawnSync(process.execPath, [script, how, `${times}`], { encoding: 'utf8' });
    expect({ status, signal, stdout, stderr }).toEqual({
      status: 0,
      signal: null,
      stdout: 'ended\n',
      stderr: '',
    });
  });
});
