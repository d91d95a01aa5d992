import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  brierDecomposition,
  brierScore,
  classwiseCalibrationError,
  equalMassCalibrationError,
  expectedCalibrationError,
  type Forecast,
  negativeLogLikelihood,
  reliabilityBins,
} from '#uafer/metrics/calibration.js';
import { levelsOf } from '#uafer/metrics/levels.js';
import { calibratedForecasts, forecastsArbitrary } from '../support/forecasts.js';

const equalMass = (confidence: readonly number[], correct: readonly boolean[], bins?: number) =>
  equalMassCalibrationError(levelsOf(confidence, correct), bins);

describe('expected calibration error', () => {
  it('is the gap of confidence and accuracy in each bin, weighted by its pictures', () => {
    // 0.95 twice (one right) in the last bin: |1 - 1.9|; 0.5 (right) in another: |1 - 0.5|.
    expect(expectedCalibrationError([0.95, 0.95, 0.5], [true, false, true])).toBeCloseTo((0.9 + 0.5) / 3, 12);
  });

  it('is 0 for predictions that are sure and right, 1 for sure and wrong', () => {
    expect(expectedCalibrationError([1, 1], [true, true])).toBe(0);
    expect(expectedCalibrationError([1, 1], [false, false])).toBe(1);
    expect(expectedCalibrationError([0, 0], [false, false])).toBe(0);
  });

  it('has bins that are closed above', () => {
    // 1/15 belongs to the first bin with 0.01, 0.07 to the second.
    expect(expectedCalibrationError([1 / 15, 0.01], [false, true])).toBeCloseTo((1 - 1 / 15 - 0.01) / 2, 12);
    expect(expectedCalibrationError([0.07, 0.01], [false, true])).toBeCloseTo((0.07 + 0.99) / 2, 12);
  });

  it('takes a probability that rounding has put above 1 as 1', () => {
    expect(expectedCalibrationError([1 + 2 ** -23], [true])).toBeCloseTo(0, 6);
  });
});

describe('calibration error over bins of equal mass', () => {
  it('has as many pictures in each bin, the first ones one more', () => {
    // Bins {.1, .2, .3}, {.4, .5}: gaps |1 - .6|, |1 - .9|.
    expect(equalMass([0.3, 0.1, 0.5, 0.2, 0.4], [true, false, true, false, false], 2)).toBeCloseTo((0.4 + 0.1) / 5, 12);
  });

  it('spreads pictures of equal confidence over the bins that they stand in', () => {
    // Four of .5, three right, over two bins: each has 1.5 right of 2.
    expect(equalMass([0.5, 0.5, 0.5, 0.5], [true, true, true, false], 2)).toBeCloseTo(0.25, 12);
  });

  it('has a bin a picture where they are fewer than bins, and does not depend on their order', () => {
    expect(equalMass([0.25, 0.5], [true, false])).toBeCloseTo((0.75 + 0.5) / 2, 12);
    const rows = fc.array(fc.tuple(fc.integer({ min: 0, max: 8 }), fc.boolean()), { minLength: 1, maxLength: 60 });
    fc.assert(
      fc.property(rows, (list) => {
        const of = (each: typeof list) =>
          equalMass(
            each.map(([level]) => level / 8),
            each.map(([, right]) => right),
          );
        expect(of(list.toReversed())).toBeCloseTo(of(list), 12);
      }),
    );
  });
});

describe('class-wise calibration error', () => {
  it('is the mean over classes of the gap of their probabilities', () => {
    const forecasts = [
      { label: 0, probabilities: [0.9, 0.1] },
      { label: 1, probabilities: [0.8, 0.2] },
    ];
    // Each probability is alone in its bin.
    expect(classwiseCalibrationError(forecasts, 2)).toBeCloseTo((0.1 + 0.8 + (0.1 + 0.8)) / 2 / 2, 12);
  });

  it('counts a class without a picture, whose probability should be 0', () => {
    const one = { label: 0, probabilities: [0.7, 0, 0.3] };
    expect(classwiseCalibrationError([one], 3)).toBeCloseTo((0.3 + 0 + 0.3) / 3, 12);
  });
});

describe('negative log-likelihood', () => {
  it('is minus the mean logarithm of the probability of the label', () => {
    const forecasts = [
      { label: 0, probabilities: [0.5, 0.5] },
      { label: 1, probabilities: [0.75, 0.25] },
    ];
    expect(negativeLogLikelihood(forecasts)).toBeCloseTo((Math.log(2) + Math.log(4)) / 2, 12);
  });

  it('of a probability of 0 is that of the smallest number in single precision', () => {
    expect(negativeLogLikelihood([{ label: 1, probabilities: [1, 0] }])).toBeCloseTo(149 * Math.LN2, 12);
  });

  it('of the uniform answer is ln C', () => {
    expect(negativeLogLikelihood([{ label: 2, probabilities: [0.25, 0.25, 0.25, 0.25] }])).toBeCloseTo(Math.log(4), 12);
  });
});

describe("Brier's score", () => {
  it('is the squared distance from the label', () => {
    expect(brierScore([{ label: 0, probabilities: [0.7, 0.2, 0.1] }])).toBeCloseTo(0.09 + 0.04 + 0.01, 12);
    expect(brierScore([{ label: 1, probabilities: [1, 0] }])).toBe(2);
  });

  it('has reliability, resolution and uncertainty, which make it up where the probabilities of a bin are equal', () => {
    // 0.8 comes true in two of four, 0.3 (the other class's 0.2 and 0.7 alike) in one of two.
    const sure = (label: number) => ({ label, probabilities: [0.8, 0.2] });
    const unsure = (label: number) => ({ label, probabilities: [0.3, 0.7] });
    const found = brierDecomposition([sure(0), sure(0), sure(1), sure(1), unsure(0), unsure(1)], 2);
    expect(found.uncertainty).toBeCloseTo(2 * 0.25, 12);
    expect(found.resolution).toBeCloseTo(0, 12);
    expect(found.reliability).toBeCloseTo(2 * ((4 / 6) * 0.3 ** 2 + (2 / 6) * 0.2 ** 2), 12);
    expect(found.withinBins).toBeCloseTo(0, 12);
    expect(found.score).toBeCloseTo(found.reliability - found.resolution + found.uncertainty, 12);
  });

  it('has parts that always make it up, reliability and resolution not below 0', () => {
    fc.assert(
      fc.property(forecastsArbitrary(4), (forecasts) => {
        const { score, reliability, resolution, uncertainty, withinBins } = brierDecomposition(forecasts, 4);
        expect(score).toBeCloseTo(brierScore(forecasts), 12);
        expect(reliability - resolution + uncertainty + withinBins).toBeCloseTo(score, 12);
        expect(Math.min(reliability, resolution, uncertainty)).toBeGreaterThanOrEqual(0);
      }),
    );
  });
});

it('a reliability diagram has the bins that hold a picture', () => {
  expect(reliabilityBins([0.2, 0.3, 0.9], [false, true, true], 2)).toEqual([
    { lower: 0, upper: 0.5, samples: 2, confidence: 0.25, accuracy: 0.5 },
    { lower: 0.5, upper: 1, samples: 1, confidence: 0.9, accuracy: 1 },
  ]);
});

it('every calibration error of a calibrated draw goes to 0 with the number of pictures', () => {
  const errors = (samples: number) => {
    const forecasts = calibratedForecasts({ samples, classes: 5, seed: 3 });
    const top = ({ probabilities }: Forecast) => Math.max(...probabilities);
    const confidence = forecasts.map(top);
    const correct = forecasts.map((forecast) => forecast.probabilities[forecast.label] === top(forecast));
    return [
      expectedCalibrationError(confidence, correct),
      equalMass(confidence, correct),
      classwiseCalibrationError(forecasts, 5),
      brierDecomposition(forecasts, 5).reliability,
    ];
  };
  // They fall as 1 / sqrt n (the reliability as 1 / n): of 100 times the pictures a tenth, with room for chance.
  const few = errors(500);
  for (const [i, error] of errors(50_000).entries()) {
    expect(error).toBeLessThan(0.25 * (few[i] as number));
    expect(error).toBeLessThan(0.01);
  }
});
