import { describe, expect, it } from 'vitest';
import { computeMetrics } from '#uafer/metrics/metrics.js';
import { computeTrust } from '#uafer/metrics/trust.js';
import type { Corruption } from '#uafer/report/subject.js';
import { verdicts } from '#uafer/report/words.js';
import type { PredictionRow } from '#uafer/run/predictionsFile.js';
import { CLASSES, madeUpAnswers } from '../support/answers.js';

function say(rows: readonly PredictionRow[], corruptions: readonly Corruption[] = []) {
  const metrics = computeMetrics(rows, CLASSES);
  const answers = { rows, trust: computeTrust(rows, CLASSES.length) };
  const found = verdicts({ evaluated: { metrics, answers, examples: null, corruptions, others: null } });
  return Object.fromEntries(found.map((verdict) => [verdict.title, verdict]));
}

/** The same answer to each of 100 pictures, of which so many are sad; the label is happy for the others. */
const rows = (sad: number, probability: number, of: (i: number) => Partial<PredictionRow> = () => ({})): PredictionRow[] =>
  Array.from({ length: 100 }, (_, i) => ({
    file: `${i}.png`,
    label: i < sad ? 1 : 0,
    predicted: 0,
    logits: [2, 1, 0],
    probabilities: [probability, 1 - probability, 0],
    uncertainty: i / 100,
    ...of(i),
  }));

it('has nothing to say of a run that has not been evaluated', () => {
  expect(verdicts({ evaluated: null })).toEqual([]);
});

describe('how good', () => {
  it.each([
    // Always the most frequent class: no better than that class alone.
    [10, () => ({}), 'no better than guessing', '90.00%'],
    // All right where half would be by guessing.
    [50, (i: number) => ({ predicted: i < 50 ? 1 : 0 }), 'good', '100.00%'],
    // A half of the way.
    [50, (i: number) => ({ predicted: i < 25 ? 1 : 0 }), 'fair', '75.00%'],
  ])('is measured from the most frequent class alone', (sad, of, verdict, value) => {
    expect(say(rows(sad, 0.9, of))['How good']).toMatchObject({ verdict, value });
  });

  it('names the class that is found most, the one that is found least, and those without a picture', () => {
    const { text } = say(rows(50, 0.9, (i) => ({ predicted: i < 25 ? 1 : 0 })))['How good'] as { text: string };
    expect(text).toContain('finds happy most often (100.00% of its pictures) and sad least often (50.00%)');
    expect(text).toContain('no picture of fear');
  });
});

it('says of probabilities whether they are too sure or too unsure, and that figures of few pictures are rough', () => {
  expect(say(rows(50, 0.9))['Its probabilities']).toMatchObject({
    verdict: 'do not mean what they say',
    value: '0.400',
    tone: 'poor',
  });
  expect(say(rows(50, 0.9))['Its probabilities']?.text).toContain('it is too sure');
  expect(say(rows(20, 0.6))['Its probabilities']?.text).toContain('it is too unsure');
  expect(say(rows(20, 0.8))['Its probabilities']?.text).toMatch(/neither too sure nor too unsure.*rough figure/);
  expect(say(madeUpAnswers({ samples: 3000 }))['Its probabilities']).toMatchObject({ tone: 'good' });
});

it('says whether errors are the uncertain ones, and when that is worse than chance', () => {
  const title = 'Whether it knows its errors';
  // The twenty errors are the first: by i / 100 they are the least uncertain, by its opposite the most.
  expect(say(rows(20, 0.8))[title]).toMatchObject({
    value: '0.000',
    verdict: 'is upside down',
    text: expect.stringContaining('worse than chance'),
  });
  const known = say(rows(20, 0.8, (i) => ({ uncertainty: 1 - i / 100 })))[title];
  expect(known).toMatchObject({ value: '1.000', verdict: 'knows very well', tone: 'good' });
  expect(known?.text).toContain('0.00% of the others would be wrong, of all 20.00% are');
  const byRisk = say(rows(20, 0.8, (i) => ({ risk: 1 - i / 100, decision: 'report' })))[title];
  expect(byRisk?.text).toContain('finds them with AUROC 1.000');
});

it('counts the decisions and what is right among them', () => {
  const decided = rows(20, 0.8, (i) => ({ decision: i < 10 ? 'reject' : i < 30 ? 'ambiguous' : 'report' }));
  const { value, text, verdict } = say(decided)['What it reports'] ?? {};
  expect(value).toBe('70.00%');
  expect(verdict).toBe('reports what is right');
  expect(text).toContain('calls 20.00% ambiguous (50.00% of them right) and rejects 10.00% (0.00% of them right)');
});

it('says how much worse the worst pictures are, by the severest of all', () => {
  const corruption = (name: string, severity: number, accuracy: number): Corruption => ({
    name,
    severity,
    metrics: { accuracy },
  });
  const found = say(rows(20, 0.8), [corruption('noise', 1, 0.79), corruption('noise', 5, 0.74), corruption('blur', 5, 0.54)]);
  expect(found['When pictures are bad']).toMatchObject({ value: '64.00%', verdict: 'suffers' });
  expect(found['When pictures are bad']?.text).toContain('blur hurts most (54.00%)');
});
