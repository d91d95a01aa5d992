import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { annealingCoefficient } from '#uafer/uafer/annealing.js';

const fixture: Record<string, number[]> = JSON.parse(
  readFileSync(new URL('../fixtures/annealing.json', import.meta.url), 'utf8'),
);

it.each(['step', 'exp', 'none'] as const)('%s gives the coefficients of the original', (kind) => {
  const expected = fixture[kind] as number[];
  const epochs = expected.length - 1;
  // The original computes in float32.
  expected.forEach((value, epoch) => {
    expect(annealingCoefficient(kind, epoch, epochs)).toBeCloseTo(value, 6);
  });
});
