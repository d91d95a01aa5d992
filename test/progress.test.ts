import { Writable } from 'node:stream';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { createProgress } from '#uafer/progress.js';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

function sink(isTTY: boolean, columns = 120): { stream: NodeJS.WriteStream; text(): string } {
  let text = '';
  const stream = new Writable({
    write(chunk, _, done) {
      text += chunk;
      done();
    },
  });
  return { stream: Object.assign(stream, { isTTY, columns }) as unknown as NodeJS.WriteStream, text: () => text };
}

it('off a terminal, prints a line every so often with rate, time left and fields, and one at the end', () => {
  const { stream, text } = sink(false);
  const progress = createProgress({ label: 'training', total: 400, unit: 'pictures', stream, lineEvery: 10 });
  for (let done = 40; done <= 400; done += 40) {
    vi.advanceTimersByTime(4000);
    progress.update(done, { loss: (1 / done).toFixed(3) });
  }
  progress.stop();
  expect(text()).toBe(`training: 120/400 pictures, 10.0 pictures/s, 28 s left, loss 0.008
training: 240/400 pictures, 10.0 pictures/s, 16 s left, loss 0.004
training: 360/400 pictures, 10.0 pictures/s, 4 s left, loss 0.003
training: 400/400 pictures, 10.0 pictures/s, 0 s left, loss 0.003
`);
});

it('off a terminal, says nothing twice, nor the end where the caller does', () => {
  const { stream, text } = sink(false);
  const told = createProgress({ label: 'preparing', total: 11, unit: 'pictures', stream });
  for (const done of [5, 11, 11]) told.update(done);
  vi.advanceTimersByTime(60_000);
  told.update(11);
  expect(text()).toMatch(/^preparing: 11\/11 pictures[^\n]*\n$/);
  const untold = createProgress({ label: 'epoch 2/2', total: 11, unit: 'steps', stream, endLine: false });
  vi.advanceTimersByTime(30_000);
  for (const done of [5, 11]) untold.update(done);
  expect(text().split('\n').slice(1)).toEqual([expect.stringMatching(/^epoch 2\/2: 5\/11 steps/), '']);
});

it.each([
  [80, 'loss 2.2613'],
  [60, '0 s left'],
  [40, '11/11 steps'],
  [20, '100%'],
])('on a terminal of %i columns says what fits, the count, rate and time left first', (columns, last) => {
  const { stream, text } = sink(true, columns);
  const progress = createProgress({ label: 'epoch 12/12', total: 11, unit: 'steps', stream });
  vi.advanceTimersByTime(580);
  progress.update(11, { loss: '2.2613', 'whole run': '0:00:00 left', 'images/s': '236' });
  progress.stop();
  // Each drawing begins in the first column and ends with the clearing of what is left of the line.
  const [shown = ''] = text().split('\x1b[1G').at(-1)?.split('\x1b[0K') ?? [];
  expect(shown.length).toBeLessThan(Math.max(columns, 'epoch 12/12 █████ 100% '.length + 1));
  expect(shown.trimEnd().endsWith(last)).toBe(true);
  expect(shown).toMatch(/^epoch 12\/12 █{5,24} 100%/);
});

it('leaves what was done before out of the rate', () => {
  const { stream, text } = sink(false);
  const progress = createProgress({ label: 'training', total: 20_000, unit: 'steps', start: 1000, stream, lineEvery: 1 });
  vi.advanceTimersByTime(20_000);
  progress.update(1010);
  progress.stop();
  expect(text()).toBe('training: 1010/20000 steps, 0.500 steps/s, 10 h 33 min left\n');
});

it('draws a bar on a terminal', () => {
  const { stream, text } = sink(true);
  const progress = createProgress({ label: 'testing', total: 10, unit: 'batches', stream });
  vi.advanceTimersByTime(1000);
  progress.update(5, { accuracy: '91.0%' });
  progress.stop();
  expect(text()).toMatch(/testing █{12}░{12} 50% 5\/10 batches, 5\.00 batches\/s, 1 s left, accuracy 91\.0%/);
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
