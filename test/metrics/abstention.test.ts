import { describe, expect, it } from 'vitest';
import { abstentionCurves } from '#uafer/metrics/abstention.js';

const pictures = [
  { uncertainty: 0.1, ignorance: 0.2, correct: true },
  { uncertainty: 0.3, ignorance: 0.4, correct: false },
  { uncertainty: 0.2, ignorance: 0.9, correct: false },
  { uncertainty: 0.4, ignorance: 0.3, correct: true },
];

describe('curves of what is left unanswered', () => {
  it('are of every threshold of uncertainty, and of risk among what is not rejected', () => {
    expect(abstentionCurves(pictures, { ignorance: 0.5, uncertainty: null })).toEqual({
      byUncertainty: [
        { threshold: 0.2, coverage: 0.25, risk: 0 },
        { threshold: 0.3, coverage: 0.5, risk: 0 },
        { threshold: 0.4, coverage: 0.75, risk: 1 / 3 },
        { threshold: 0.9, coverage: 1, risk: 0.5 },
      ],
      byRisk: [
        { threshold: 0.1, coverage: 0.25, risk: 0 },
        { threshold: 0.3, coverage: 0.5, risk: 0.5 },
        { threshold: 0.4, coverage: 0.75, risk: 1 / 3 },
      ],
    });
  });

  it('have forty points at most, the last of which answers everything', () => {
    const many = Array.from({ length: 1000 }, (_, i) => ({ uncertainty: i / 1000, ignorance: i / 1000, correct: i % 3 > 0 }));
    const { byUncertainty, byRisk } = abstentionCurves(many, { ignorance: null, uncertainty: null });
    expect(byUncertainty).toHaveLength(40);
    expect(byUncertainty[0]).toMatchObject({ threshold: 0.024, coverage: 0.025 });
    expect(byRisk.at(-1)).toEqual({ threshold: 0.999, coverage: 1, risk: 0.334 });
  });

  it('have a point of what the rule reports', () => {
    const many = Array.from({ length: 1000 }, (_, i) => ({ uncertainty: i / 1000, correct: i % 3 > 0 }));
    const { byRisk } = abstentionCurves(many, { ignorance: null, uncertainty: 0.3335 });
    expect(byRisk).toHaveLength(41);
    expect(byRisk.findLast(({ threshold }) => threshold <= 0.3335)).toMatchObject({ threshold: 0.333, coverage: 0.334 });
  });

  it('are empty where nothing has an uncertainty, or everything is rejected', () => {
    expect(
      abstentionCurves([{ uncertainty: 0.1, correct: true }], { ignorance: null, uncertainty: null }).byUncertainty,
    ).toEqual([]);
    expect(abstentionCurves(pictures, { ignorance: 0, uncertainty: null }).byRisk).toEqual([]);
  });
});
