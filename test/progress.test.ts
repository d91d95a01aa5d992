import { Writable } from 'node:stream';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { createProgress } from '#uafer/progress.js';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

function sink(isTTY: boolean): { stream: NodeJS.WriteStream; text(): string } {
  let text = '';
  const stream = new Writable({
    write(chunk, _, done) {
      text += chunk;
      done();
    },
  });
  return { stream: Object.assign(stream, { isTTY, columns: 120 }) as unknown as NodeJS.WriteStream, text: () => text };
}

it('off a terminal, prints a line every so often with rate, time left and fields, and one at the end', () => {
  const { stream, text } = sink(false);
  const progress = createProgress({ label: 'training', total: 400, unit: 'pictures', stream, lineEvery: 10 });
  for (let done = 40; done <= 400; done += 40) {
    vi.advanceTimersByTime(4000);
    progress.update(done, { loss: (1 / done).toFixed(3) });
  }
  progress.stop();
  expect(text()).toBe(`training: 120/400 pictures, 10.0/s, 28 s left, loss 0.008
training: 240/400 pictures, 10.0/s, 16 s left, loss 0.004
training: 360/400 pictures, 10.0/s, 4 s left, loss 0.003
training: 400/400 pictures, 10.0/s, 0 s left, loss 0.003
`);
});

it('leaves what was done before out of the rate', () => {
  const { stream, text } = sink(false);
  const progress = createProgress({ label: 'training', total: 20_000, unit: 'steps', start: 1000, stream, lineEvery: 1 });
  vi.advanceTimersByTime(20_000);
  progress.update(1010);
  progress.stop();
  expect(text()).toBe('training: 1010/20000 steps, 0.500/s, 10 h 33 min left\n');
});

it('draws a bar on a terminal', () => {
  const { stream, text } = sink(true);
  const progress = createProgress({ label: 'testing', total: 10, unit: 'batches', stream });
  vi.advanceTimersByTime(1000);
  progress.update(5, { accuracy: '91.0%' });
  progress.stop();
  expect(text()).toMatch(/testing █{12}░{12} 50% 5\/10 batches, 5\.00\/s, 1 s left, accuracy 91\.0%/);
});

it('takes no signal from the command', () => {
  const listeners = process.listenerCount('SIGINT');
  const progress = createProgress({ label: 'testing', total: 10, unit: 'batches', stream: sink(true).stream });
  expect(process.listenerCount('SIGINT')).toBe(listeners);
  progress.stop();
});

it('prints nothing when quiet', () => {
  const { stream, text } = sink(false);
  const progress = createProgress({ label: 'testing', total: 1, unit: 'batches', stream, quiet: true });
  progress.update(1);
  progress.stop();
  expect(text()).toBe('');
});
