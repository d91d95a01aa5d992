import { execFile, spawnSync } from 'node:child_process';
import { createServer } from 'node:net';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { backends, createGradientReducer, openGroup, openStore } from '#uafer/engine/index.js';
import { freePort } from '../support/ports.js';

const SCRIPT = fileURLToPath(new URL('children/distributed.js', import.meta.url));

// biome-ignore lint/suspicious/noExplicitAny: each case of the script prints what it likes.
type Found = any;

/** Runs `what` in `size` processes; gives what each of them found, by rank, null for one that found nothing. */
async function together(what: string, size: number): Promise<Found[]> {
  const port = await freePort();
  return Promise.all(Array.from({ length: size }, (_, rank) => child(what, rank, size, port)));
}

function child(what: string, rank: number, size: number, port: number): Promise<Found> {
  return new Promise((resolve, reject) => {
    execFile(process.execPath, [SCRIPT, what, `${rank}`, `${size}`, `${port}`], (error, stdout, stderr) => {
      if (stdout.trim() !== '') resolve(JSON.parse(stdout));
      else if (error?.signal) resolve(null);
      else reject(new Error(stderr));
    });
  });
}

describe('a process group over Gloo', () => {
  it.each([2, 3])('of %i sums, tells, gathers, and keeps notes', async (size) => {
    const found = await together('collectives', size);
    const ranks = Array.from({ length: size }, (_, rank) => rank);
    for (const [rank, each] of found.entries()) {
      expect(each).toEqual({
        summed: [size, (size * (size - 1)) / 2],
        told: [7],
        gathered: ranks.map((r) => [r * 10]),
        atRoot: rank === 0 ? ranks.map((r) => [r * 100]) : [],
        notes: ranks.map((r) => `of ${r}`),
        nothing: null,
      });
    }
  });

  it('differentiates through a sum over the processes', async () => {
    const size = 3;
    // y = (3, 2 + 3 + 4), the whole loss (1 + 2 + 3) |y|^2.
    for (const { y, gradient } of await together('differentiable', size)) {
      expect(y).toEqual([3, 9]);
      expect(gradient).toEqual([36, 108]);
    }
  });

  it('normalises with the statistics of all, and differentiates so', async () => {
    // Sums of a few hundred numbers in another order, in single precision.
    for (const { y, x, parameters, running } of await together('normalised', 3)) {
      expect(y).toBeLessThan(1e-5);
      expect(x).toBeLessThan(1e-4);
      expect(parameters).toBeLessThan(1e-3);
      expect(running).toBeLessThan(1e-6);
    }
  });

  it('means gradients in buckets during backward, in every layout, and leaves parameters without one alone', async () => {
    const size = 2;
    const found = await together('gradients', size);
    for (const { buckets, steps } of found) {
      expect(buckets).toBeGreaterThan(2);
      for (const [step, { gradients }] of steps.entries()) {
        // With every weight at 1/2: hidden_j = sum x / 2 + 1/2, and d loss / d weight of the last layer is that; sum x = 780 + 40 (rank + step),
        // of which the mean over the ranks is taken.
        const [last, bias, first, lastBias, unused, turned] = gradients;
        expect(new Set(last)).toEqual(new Set([(780 + 40 * (step + 0.5)) / 2 + 0.5]));
        expect(bias).toEqual([20, 20, 20]);
        expect(first.slice(0, 40)).toEqual(Array.from({ length: 40 }, (_, i) => 20 * (i + step + 0.5)));
        expect(lastBias).toEqual(Array(40).fill(1));
        expect(unused).toBeNull();
        expect(turned).toEqual(Array(12).fill(1.5));
      }
    }
  });
});

describe('a process that is not there', () => {
  it('when it was killed is an error of the others at once', async () => {
    const [first, second] = await together('gone', 3);
    for (const each of [first, second]) {
      expect(each).toMatchObject({ code: 'DISTRIBUTED' });
      expect(each.seconds).toBeLessThan(10);
    }
  });

  it('when it does not come to a sum is an error after the time-out', async () => {
    const [first, second] = await together('silent', 3);
    for (const each of [first, second]) {
      expect(each).toMatchObject({ code: 'DISTRIBUTED', message: expect.stringContaining('time-out') });
      expect(each.seconds).toBeGreaterThan(2.5);
      expect(each.seconds).toBeLessThan(8);
    }
  });

  it('when it never came is an error after the time-out', async () => {
    const [first, second] = await together('absent', 3);
    for (const each of [first, second]) {
      expect(each).toMatchObject({ code: 'DISTRIBUTED' });
      expect(each.seconds).toBeLessThan(15);
    }
  });

  it('when it tells that it fails breaks off what the others wait for', async () => {
    const [first, second, last] = await together('trouble', 3);
    expect(last).toEqual({ told: true });
    for (const each of [first, second]) {
      expect(each).toMatchObject({ code: 'DISTRIBUTED', why: 'a picture' });
      expect(each.seconds).toBeLessThan(4);
    }
  });
});

describe('what cannot be opened', () => {
  it('is an error that names the address, and nothing else is written', async () => {
    const server = createServer().listen(0, '0.0.0.0');
    await new Promise((resolve) => server.once('listening', resolve));
    const { port } = server.address() as { port: number };
    const { stdout, stderr } = spawnSync(process.execPath, [SCRIPT, 'taken', '0', '2', `${port}`], { encoding: 'utf8' });
    server.close();
    expect(JSON.parse(stdout)).toMatchObject({ code: 'DISTRIBUTED', message: expect.stringContaining('EADDRINUSE') });
    expect(stderr).toBe('');
  });

  it('is an error that says what is wrong: an unknown backend, an unknown address, what is closed', async () => {
    expect(backends()).toContain('gloo');
    const port = await freePort();
    const store = openStore({ host: '127.0.0.1', port, keeps: true, connectSeconds: 5, answerSeconds: 5 });
    const options = { store, name: 'x', rank: 0, size: 1, timeoutSeconds: 5, address: '127.0.0.1' };
    const error = (block: () => unknown) => expect(block).toThrow(expect.objectContaining({ code: 'DISTRIBUTED' }));
    error(() => openGroup({ ...options, backend: 'mpi' as 'gloo' }));
    error(() => openGroup({ ...options, backend: 'gloo', address: 'no-such-machine.invalid' }));
    error(() => openGroup({ ...options, backend: 'gloo', networkInterface: 'nosuch0' }));
    const group = openGroup({ ...options, backend: 'gloo' });
    group.close();
    error(() => createGradientReducer(group, []));
    store.close();
    error(() => store.get('x'));
  });
});
