import { expect, it } from 'vitest';
import { pictureIntervals } from '#uafer/experiments/pictureIntervals.js';
import { createRandom } from '#uafer/random.js';
import type { PredictionRow } from '#uafer/run/predictionsFile.js';

const random = createRandom({ seed: 3, epoch: 0, stream: 0, position: 0 });

/** Answers of which this share is right, by draws of their own. */
function answers(count: number, right: (picture: number) => boolean): PredictionRow[] {
  return Array.from({ length: count }, (_, i) => {
    const label = i % 2;
    const predicted = right(i) ? label : 1 - label;
    const top = random.uniform(0.5, 1);
    const probabilities = predicted === 0 ? [top, 1 - top] : [1 - top, top];
    return { file: `${i}`, label, predicted, probabilities, logits: probabilities.map(Math.log), uncertainty: 1 - top };
  });
}

const PICTURES = 600;
const draw = (share: number) => Array.from({ length: PICTURES }, () => random.next() < share);

it('the interval of a difference is as wide as the closed form has it, and narrower for answers that go together', () => {
  const [hard, luck, other] = [draw(0.8), draw(0.9), draw(0.72)];
  const before = answers(PICTURES, (i) => hard[i] as boolean);
  // Right where the first is, but for a tenth of it: paired. Or right by itself as often.
  const paired = answers(PICTURES, (i) => (hard[i] && luck[i]) as boolean);
  const alone = answers(PICTURES, (i) => other[i] as boolean);
  const widthTo = (after: PredictionRow[]) => {
    const [low, high] = pictureIntervals([{ classes: 2, before, after }], { resamples: 1000 }).accuracy as [number, number];
    const differences = after.map(
      (answer, i) => Number(answer.predicted === answer.label) - Number(before[i]?.predicted === before[i]?.label),
    );
    const mean = differences.reduce((total, each) => total + each, 0) / PICTURES;
    const variance = differences.reduce((total, each) => total + (each - mean) ** 2, 0) / PICTURES;
    expect(low).toBeLessThan(mean);
    expect(high).toBeGreaterThan(mean);
    // The ends of 1000 resamples move by a few percent of the width from draw to draw.
    const ratio = (high - low) / (2 * 1.96 * Math.sqrt(variance / PICTURES));
    expect(Math.abs(ratio - 1)).toBeLessThan(0.12);
    return high - low;
  };
  expect(widthTo(paired)).toBeLessThan(0.6 * widthTo(alone));
});

it('a row beside itself differs by nothing', () => {
  const one = answers(50, (i) => i % 3 !== 0);
  const found = pictureIntervals(
    [
      { classes: 2, before: one, after: one },
      { classes: 2, before: one, after: one },
    ],
    { resamples: 50 },
  );
  expect(found.accuracy).toEqual([0, 0]);
  expect(found['scores.topProbability.errorAuroc']).toEqual([0, 0]);
});

it('there is none where answers are of other pictures, or were deleted', () => {
  const one = answers(20, () => true);
  const renamed = one.map((answer) => ({ ...answer, file: `other ${answer.file}` }));
  const pair = { classes: 2, before: one, after: one };
  for (const after of [renamed, one.slice(1), null])
    expect(pictureIntervals([pair, { classes: 2, before: one, after }], { resamples: 10 })).toEqual({});
  expect(pictureIntervals([{ classes: 2, before: null, after: one }], { resamples: 10 })).toEqual({});
  expect(pictureIntervals([], { resamples: 10 })).toEqual({});
});
