import { UaferError } from '../errors.js';
import { createRandom, STREAMS } from '../random.js';

/**
 * `sequential` keeps the list's order; `shuffle` visits each picture once; the others draw with replacement, `imbalanced` by
 * inverse class frequency and `balanced-power` by class frequency to the power of `-samplerPower`.
 */
export type Draw = 'sequential' | 'shuffle' | 'imbalanced' | 'balanced-power';

export interface DrawOptions {
  draw: Draw;
  /** Label of each picture. */
  labels: ArrayLike<number>;
  seed: number;
  epoch: number;
  /** Exponent for `balanced-power`: 0 draws uniformly, 1 is `imbalanced`. */
  samplerPower?: number;
}

/** Positions in the list in the order in which an epoch visits them, as many as there are labels; the same for the same options. */
export function drawOrder({ draw, labels, seed, epoch, samplerPower }: DrawOptions): Int32Array {
  if (draw === 'balanced-power' && samplerPower === undefined)
    throw new UaferError(
      'USAGE',
      'The sampler "balanced-power" needs samplerPower, a number from 0 (uniform) to 1 (inverse frequency)',
    );
  switch (draw) {
    case 'sequential':
      return Int32Array.from({ length: labels.length }, (_, i) => i);
    case 'shuffle':
      return shuffled(labels.length, seed, epoch);
    case 'imbalanced':
      return drawn(classWeights(labels, 1), seed, epoch);
    case 'balanced-power':
      return drawn(classWeights(labels, samplerPower ?? 1), seed, epoch);
  }
}

/** Weight of each picture: the number of pictures of its class, to the power of `-power`. */
export function classWeights(labels: ArrayLike<number>, power: number): Float64Array {
  const counts = new Map<number, number>();
  for (const label of Array.from(labels)) counts.set(label, (counts.get(label) ?? 0) + 1);
  return Float64Array.from(labels, (label) => (counts.get(label) ?? 1) ** -power);
}

/** Fisher and Yates' shuffle. */
function shuffled(count: number, seed: number, epoch: number): Int32Array {
  const random = createRandom({ seed, epoch, stream: STREAMS.order, position: 0 });
  const order = Int32Array.from({ length: count }, (_, i) => i);
  for (let i = count - 1; i > 0; i--) {
    const j = random.integer(i + 1);
    const other = order[j] as number;
    order[j] = order[i] as number;
    order[i] = other;
  }
  return order;
}

function drawn(weights: Float64Array, seed: number, epoch: number): Int32Array {
  const random = createRandom({ seed, epoch, stream: STREAMS.order, position: 0 });
  const cumulative = new Float64Array(weights.length);
  let total = 0;
  weights.forEach((weight, i) => {
    total += weight;
    cumulative[i] = total;
  });
  return Int32Array.from({ length: weights.length }, () => firstAbove(cumulative, random.uniform(0, total)));
}

/** Position of the first value above `threshold` in an ascending list (the last one if rounding leaves none). */
function firstAbove(ascending: Float64Array, threshold: number): number {
  let low = 0;
  let high = ascending.length - 1;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((ascending[middle] as number) > threshold) high = middle;
    else low = middle + 1;
  }
  return low;
}
