import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ambiguousBetween, decide, decisionFigures, fitDecision } from '#uafer/metrics/decision.js';
import { createRandom } from '#uafer/random.js';

const RULE = { ignorance: 2, uncertainty: 0.3 };

describe('a decision', () => {
  it.each([
    [{ uncertainty: 0.3, ignorance: 2 }, 'report'],
    [{ uncertainty: 0.31, ignorance: 2 }, 'ambiguous'],
    [{ uncertainty: 0.1, ignorance: 2.1 }, 'reject'],
    [{ uncertainty: 0.9, ignorance: 2.1 }, 'reject'],
    [{ uncertainty: 0.1 }, 'report'],
  ] as const)('of %j is %s', (scores, decision) => {
    expect(decide(scores, RULE)).toBe(decision);
  });

  it('never rejects without a threshold of ignorance, and never reports without one of uncertainty', () => {
    expect(decide({ uncertainty: 0, ignorance: 1e9 }, { ...RULE, ignorance: null })).toBe('report');
    expect(decide({ uncertainty: 0, ignorance: 0 }, { ...RULE, uncertainty: null })).toBe('ambiguous');
  });

  it('names the two classes that an ambiguous answer lies between', () => {
    expect(ambiguousBetween([0.1, 0.4, 0.15, 0.35])).toEqual([1, 3]);
    expect(ambiguousBetween([0.2, 0.4, 0.4])).toEqual([1, 2]);
    expect(() => ambiguousBetween([1])).toThrow(/two and more/);
  });
});

describe('thresholds', () => {
  const pictures = [
    { uncertainty: 0.1, ignorance: 0, correct: true },
    { uncertainty: 0.2, ignorance: 3, correct: false },
    { uncertainty: 0.3, ignorance: 1, correct: true },
    { uncertainty: 0.4, ignorance: 1, correct: false },
    { uncertainty: 0.5, ignorance: 2, correct: true },
  ];

  it('are the widest that hold the rates', () => {
    // One of five may be rejected: the second. Of the rest risks are 0, 0, 1/3, 1/4.
    expect(fitDecision(pictures, { risk: 0.25, rejected: 0.2 })).toEqual({ ignorance: 2, uncertainty: 0.5 });
    expect(fitDecision(pictures, { risk: 0.2, rejected: 0.2 })).toEqual({ ignorance: 2, uncertainty: 0.3 });
    // None may be rejected: risks 0, 1/2, 1/3, 1/2, 2/5.
    expect(fitDecision(pictures, { risk: 0.2, rejected: 0 })).toEqual({ ignorance: 3, uncertainty: 0.1 });
    expect(fitDecision(pictures, { risk: 0.2, rejected: 0.4 })).toEqual({ ignorance: 1, uncertainty: 0.3 });
  });

  it('are none where nothing reaches the rate, or nothing says what is unlike training', () => {
    const wrong = pictures.map(({ uncertainty }) => ({ uncertainty, correct: false }));
    expect(fitDecision(wrong, { risk: 0.05, rejected: 0.05 })).toEqual({ ignorance: null, uncertainty: null });
    expect(fitDecision(wrong.slice(0, 1), { risk: 1, rejected: 0.05 })).toEqual({ ignorance: null, uncertainty: 0.1 });
  });

  it('treat a constant score as one: all or nothing', () => {
    const constant = pictures.map(({ correct }) => ({ uncertainty: 1, ignorance: 1, correct }));
    expect(fitDecision(constant, { risk: 0.4, rejected: 0.05 })).toEqual({ ignorance: 1, uncertainty: 1 });
    expect(fitDecision(constant, { risk: 0.39, rejected: 0.05 })).toEqual({ ignorance: 1, uncertainty: null });
  });

  it('hold their rates on the pictures that they are fitted on, and about the same on others', () => {
    const draw = (seed: number, count: number) => {
      const random = createRandom({ seed, epoch: 0, stream: 9, position: 0 });
      return Array.from({ length: count }, () => {
        const uncertainty = random.next();
        return { uncertainty, ignorance: random.next(), correct: random.next() > uncertainty * 0.6 };
      });
    };
    const rule = fitDecision(draw(1, 4000), { risk: 0.1, rejected: 0.05 });
    for (const [pictures, room] of [
      [draw(1, 4000), 0],
      [draw(2, 4000), 0.02],
    ] as const) {
      const { report, reject } = decisionFigures(pictures, rule);
      expect(1 - (report.accuracy as number)).toBeLessThanOrEqual(0.1 + room);
      expect(1 - (report.accuracy as number)).toBeGreaterThan(0.08);
      expect(reject.share).toBeLessThanOrEqual(0.05 + room);
      expect(reject.share).toBeGreaterThan(0.03);
    }
  });

  it('hold any rates on any pictures, and the shares sum to 1', () => {
    const scores = fc.record({ uncertainty: fc.nat(6), ignorance: fc.nat(6), correct: fc.boolean() });
    const rate = fc.double({ min: 0, max: 1, noNaN: true });
    fc.assert(
      fc.property(fc.array(scores, { minLength: 1 }), rate, rate, (list, risk, rejected) => {
        const { report, ambiguous, reject } = decisionFigures(list, fitDecision(list, { risk, rejected }));
        expect(report.share + ambiguous.share + reject.share).toBeCloseTo(1, 12);
        expect(reject.share).toBeLessThanOrEqual(rejected + 1e-12);
        expect(1 - (report.accuracy ?? 1)).toBeLessThanOrEqual(risk + 1e-12);
      }),
    );
  });
});

it.each([
  [() => fitDecision([], { risk: 0.05, rejected: 0.05 }), /no picture to fit/],
  [() => fitDecision([{ uncertainty: 1, correct: true }], { risk: 5, rejected: 0.05 }), /rate "risk" is 5/],
  [() => fitDecision([{ uncertainty: 1, correct: true }], { risk: 0.1, rejected: Number.NaN }), /rate "rejected" is NaN/],
  [() => fitDecision([{ uncertainty: Number.NaN, correct: true }], { risk: 0.1, rejected: 0 }), /not a number/],
  [
    () =>
      fitDecision(
        [
          { uncertainty: 1, correct: true },
          { uncertainty: 1, ignorance: 1, correct: true },
        ],
        { risk: 0.1, rejected: 0 },
      ),
    /Some pictures have an ignorance/,
  ],
])('wrong input is named: %s', (fit, message) => {
  expect(fit).toThrow(message);
});
