import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type ConformalMethod, classScores, conformalSet, fitConformal, setFigures } from '#uafer/metrics/conformal.js';
import { calibratedForecasts, forecastsArbitrary } from '../support/forecasts.js';

const METHODS: ConformalMethod[] = ['thr', 'aps', 'raps'];
const P = [0.2, 0.5, 0.3];

describe('the score of a class', () => {
  it.each([
    ['thr', {}, [0.8, 0.5, 0.7]],
    ['aps', {}, [0.8, 0, 0.5]],
    ['raps', { lambda: 0.1, kReg: 1 }, [1, 0, 0.6]],
    ['raps', { lambda: 0.1, kReg: 2 }, [0.9, 0, 0.5]],
  ] as const)('of %s with %j is that worked out by hand', (method, options, expected) => {
    const scores = classScores(P, { method, ...options });
    for (const [c, score] of scores.entries()) expect(score).toBeCloseTo(expected[c] as number, 12);
  });

  it('of APS with u counts that part of the class itself', () => {
    expect(classScores(P, { method: 'aps' }, 0.25)[1]).toBeCloseTo(0.375, 12);
    expect(classScores(P, { method: 'aps' }, 0)[0]).toBeCloseTo(1, 12);
  });
});

it('the threshold is the ceil((n + 1) coverage)-th smallest score, and none where the pictures are too few', () => {
  const forecasts = [0.9, 0.8, 0.7, 0.6].map((p) => ({ label: 0, probabilities: [p, 1 - p] }));
  expect(fitConformal(forecasts, { method: 'thr', coverage: 0.8 }).threshold).toBeCloseTo(0.4, 12);
  expect(fitConformal(forecasts, { method: 'thr', coverage: 0.6 }).threshold).toBeCloseTo(0.3, 12);
  const all = fitConformal(forecasts, { method: 'thr', coverage: 0.9 });
  expect(all.threshold).toBeNull();
  expect(conformalSet([0.9, 0.1], all)).toEqual([0, 1]);
});

describe.each(METHODS)('sets by %s', (method) => {
  it.each([0.8, 0.9, 0.95])('cover %d of pictures of the same kind', (coverage) => {
    // The mean over fits of the coverage of other pictures is at least what is stated; 40 fits on 200 pictures leave .004.
    let covered = 0;
    for (let seed = 0; seed < 40; seed++) {
      const draw = calibratedForecasts({ samples: 700, classes: 5, seed });
      const rule = fitConformal(draw.slice(0, 200), { method, coverage });
      covered += setFigures(draw.slice(200), rule).coverage / 40;
    }
    expect(covered).toBeGreaterThan(coverage - 0.012);
  });

  it('are the classes above some probability, the most probable first', () => {
    fc.assert(
      fc.property(forecastsArbitrary(4), fc.double({ min: 0.05, max: 0.95, noNaN: true }), (forecasts, coverage) => {
        const rule = fitConformal(forecasts, { method, coverage });
        for (const { probabilities } of forecasts) {
          const set = conformalSet(probabilities, rule);
          const inside = set.map((c) => probabilities[c] as number);
          expect(inside).toEqual(inside.toSorted((a, b) => b - a));
          const outside = probabilities.filter((_, c) => !set.includes(c));
          if (set.length > 0) expect(Math.min(...inside)).toBeGreaterThanOrEqual(Math.max(-1, ...outside));
          if (method !== 'thr') expect(set.length).toBeGreaterThan(0);
        }
        // On the pictures of the fit themselves it cannot be less.
        expect(setFigures(forecasts, rule).coverage).toBeGreaterThanOrEqual(coverage - 1e-9);
      }),
    );
  });
});

it('randomised sets cover what is stated, not more, and are the same for the same seed', () => {
  let [exact, plain] = [0, 0];
  for (let seed = 0; seed < 40; seed++) {
    const draw = calibratedForecasts({ samples: 700, classes: 5, seed });
    const score = { method: 'aps', coverage: 0.4 } as const;
    const rule = fitConformal(draw.slice(0, 200), score, 2 * seed);
    expect(fitConformal(draw.slice(0, 200), score, 2 * seed)).toEqual(rule);
    exact += setFigures(draw.slice(200), rule, 2 * seed + 1).coverage / 40;
    plain += setFigures(draw.slice(200), fitConformal(draw.slice(0, 200), score)).coverage / 40;
  }
  // 81 of 201 expected; the deviation of 40 fits on 200 pictures is .006.
  expect(Math.abs(exact - 81 / 201)).toBeLessThan(0.02);
  // The most probable class is right more often than that, and always in the set.
  expect(plain).toBeGreaterThan(exact + 0.1);
});

it('the figures of sets are counted', () => {
  const forecasts = [
    { label: 0, probabilities: [0.9, 0.1, 0] },
    { label: 1, probabilities: [0.5, 0.5, 0] },
    { label: 1, probabilities: [0.9, 0.1, 0] },
    { label: 0, probabilities: [0.4, 0.3, 0.3] },
  ];
  expect(setFigures(forecasts, { method: 'thr', coverage: 0.5, threshold: 0.5 })).toEqual({
    coverage: 0.5,
    meanSize: 1,
    empty: 0.25,
    single: 0.5,
    perClass: [0.5, 0.5, null],
  });
});

it.each([
  [() => fitConformal([], { method: 'thr', coverage: 0.9 }), /no picture to fit/],
  [() => fitConformal([{ label: 0, probabilities: [1] }], { method: 'thr', coverage: 1 }), /between 0 and 1/],
  [
    () => fitConformal([{ label: 0, probabilities: [Number.NaN, 1] }], { method: 'thr', coverage: 0.5 }),
    /probabilities \[NaN, 1\]/,
  ],
  [() => fitConformal([{ label: 3, probabilities: [0, 1] }], { method: 'aps', coverage: 0.5 }), /has label 3/],
  [() => setFigures([], { method: 'thr', coverage: 0.5, threshold: 0.5 }), /no picture to try/],
])('wrong input is named: %s', (fit, message) => {
  expect(fit).toThrow(message);
});
