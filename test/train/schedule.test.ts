import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { learningRate } from '#uafer/train/schedule.js';

interface Schedule {
  args: { lr: number; min_lr: number; epochs: number; warmup_epochs: number };
  lr: number[];
}
const fixture: Record<string, Schedule> = JSON.parse(
  readFileSync(new URL('../fixtures/lr_schedule.json', import.meta.url), 'utf8'),
);

it.each(Object.entries(fixture))('gives the rates of the original: %s', (_, { args, lr }) => {
  const options = { lr: args.lr, minLr: args.min_lr, epochs: args.epochs, warmupEpochs: args.warmup_epochs };
  const stepsPerEpoch = lr.length / args.epochs;
  lr.forEach((expected, step) => {
    expect(Math.abs(learningRate(step / stepsPerEpoch, options) - expected)).toBeLessThanOrEqual(1e-9 * args.lr);
  });
});

it('starts at the peak when there is no warm-up, and ends at the minimum', () => {
  const options = { lr: 1, minLr: 0.1, epochs: 10, warmupEpochs: 0 };
  expect(learningRate(0, options)).toBe(1);
  expect(learningRate(5, options)).toBeCloseTo(0.55, 12);
  expect(learningRate(10, options)).toBe(0.1);
});
