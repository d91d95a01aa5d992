/** Figures of several trainings: how they spread, and how those of two ways to train differ. */
import { UaferError } from '../errors.js';
import type { Interval } from './bootstrap.js';

/** Mean and sample standard deviation (n - 1 in the denominator); null where there are too few values for one. */
export interface Spread {
  mean: number | null;
  deviation: number | null;
  /** Values that are defined. */
  count: number;
}

/** Of the values that are defined. */
export function spread(values: readonly (number | null)[]): Spread {
  const known = values.filter((value) => value !== null);
  const count = known.length;
  if (count === 0) return { mean: null, deviation: null, count };
  const mean = known.reduce((total, value) => total + value, 0) / count;
  if (count === 1) return { mean, deviation: null, count };
  const squares = known.reduce((total, value) => total + (value - mean) ** 2, 0);
  return { mean, deviation: Math.sqrt(squares / (count - 1)), count };
}

/**
 * The interval that holds the mean of what such values come from with the probability `level`, if they are normal (Student 1908): for paired
 * differences that of the paired t-test. Null with less than two values.
 */
export function meanInterval({ mean, deviation, count }: Spread, level = 0.95): Interval | null {
  if (mean === null || deviation === null) return null;
  const half = (studentQuantile(level, count - 1) * deviation) / Math.sqrt(count);
  return [mean - half, mean + half];
}

/**
 * The t for which a variable of Student's distribution with `degrees` degrees of freedom lies in [-t, t] with the probability `level`, to 1e-12
 * relatively.
 */
export function studentQuantile(level: number, degrees: number): number {
  if (!(level > 0 && level < 1) || !Number.isInteger(degrees) || degrees < 1)
    throw new UaferError(
      'USAGE',
      `studentQuantile(${level}, ${degrees}): expected a level between 0 and 1 and whole degrees of at least 1.`,
    );
  // By the angle whose tangent is t over the root of the degrees: what stays finite.
  let [low, high] = [0, Math.PI / 2];
  for (let i = 0; i < 100; i++) {
    const middle = (low + high) / 2;
    if (within(middle, degrees) < level) low = middle;
    else high = middle;
  }
  return Math.tan((low + high) / 2) * Math.sqrt(degrees);
}

/** P(|T| <= t) for t = sqrt(n) tan(angle) (Abramowitz and Stegun 1964, 26.7.3 and 26.7.4). */
function within(angle: number, degrees: number): number {
  const [sine, cosine] = [Math.sin(angle), Math.cos(angle)];
  const odd = degrees % 2 === 1;
  let term = odd ? cosine : 1;
  let total = 0;
  for (let k = odd ? 1 : 0; k <= degrees - 2; k += 2) {
    total += term;
    term *= (cosine * cosine * (k + 1)) / (k + 2);
  }
  return odd ? (2 / Math.PI) * (angle + sine * total) : sine * total;
}
