/** Functions of the Dirichlet distribution, in double precision, for positive arguments. */
import { UaferError } from '../errors.js';

/** From here on the asymptotic series below are exact to the last bits. */
const SERIES_FROM = 10;
/** B_2k / 2k and B_2k / (2k (2k - 1)) for k = 1, 2, ... with Bernoulli's numbers B (Abramowitz and Stegun 1964, 6.3.18 and 6.1.41). */
const DIGAMMA_SERIES = [1 / 12, -1 / 120, 1 / 252, -1 / 240, 1 / 132, -691 / 32760, 1 / 12];
const LOG_GAMMA_SERIES = [1 / 12, -1 / 360, 1 / 1260, -1 / 1680, 1 / 1188, -691 / 360360, 1 / 156];
const HALF_LOG_TWO_PI = Math.log(2 * Math.PI) / 2;
/** Factors up to which a rising factorial is multiplied out. */
const MULTIPLIED_OUT = 64;

/** psi(x), the derivative of ln Gamma, for x > 0: to 1e-12, absolute or relative. Throws `DATA` for any other x. */
export function digamma(x: number): number {
  requirePositive(x, 'digamma');
  let shifted = x;
  let below = 0;
  // psi(x) = psi(x + 1) - 1 / x.
  for (; shifted < SERIES_FROM; shifted++) below += 1 / shifted;
  const square = 1 / (shifted * shifted);
  return Math.log(shifted) - 0.5 / shifted - square * series(DIGAMMA_SERIES, square) - below;
}

/** ln Gamma(x) for x > 0: to 1e-12, absolute or relative. Throws `DATA` for any other x. */
export function logGamma(x: number): number {
  requirePositive(x, 'logGamma');
  let shifted = x;
  let below = 1;
  // Gamma(x) = Gamma(x + 1) / x.
  for (; shifted < SERIES_FROM; shifted++) below *= shifted;
  const stirling = (shifted - 0.5) * Math.log(shifted) - shifted + HALF_LOG_TWO_PI;
  return stirling + series(LOG_GAMMA_SERIES, 1 / (shifted * shifted)) / shifted - Math.log(below);
}

/**
 * ln Gamma(a + n) - ln Gamma(a) = sum_{i < n} ln(a + i), for a > 0 and n of at least 0. Few whole n, as votes are, are summed: the
 * difference of two large logarithms would lose the digits of a small one.
 */
export function logRising(a: number, n: number): number {
  requirePositive(a, 'logRising');
  if (!Number.isInteger(n) || n > MULTIPLIED_OUT) return logGamma(a + n) - logGamma(a);
  let total = 0;
  for (let i = 0; i < n; i++) total += Math.log(a + i);
  return total;
}

/** sum_k coefficients[k] x^k. */
function series(coefficients: readonly number[], x: number): number {
  return coefficients.reduceRight((total, coefficient) => total * x + coefficient, 0);
}

function requirePositive(x: number, name: string): void {
  if (!(x > 0 && x < Number.POSITIVE_INFINITY)) {
    throw new UaferError('DATA', `${name}(${x}): expected a number above 0. The evidence of a Dirichlet answer is broken.`);
  }
}
