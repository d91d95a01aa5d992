/**
 * How far a figure would move if other pictures of the same kind had been taken: percentile intervals of the bootstrap (Efron 1979). The
 * drawn pictures depend on the seed and on how many pictures there are alone, so two models that are evaluated on the same pictures with
 * the same seed see the same ones: their differences are paired.
 */
import { UaferError } from '../errors.js';
import { createRandom, STREAMS } from '../random.js';

/** Figures by name; null where a figure is not defined. */
export type Figures<Name extends string = string> = Record<Name, number | null>;

/** Lower and upper end. */
export type Interval = [low: number, high: number];

export interface BootstrapOptions {
  /** Pictures. */
  samples: number;
  /** How often as many pictures are drawn with replacement. */
  resamples: number;
  seed: number;
  /** Share of the resamples whose figure lies in the interval; 0.95 when left out. */
  level?: number;
  /** Told after each resample how many are done. */
  onResample?: ((done: number) => void) | undefined;
}

/**
 * The interval of every figure.
 *
 * @param figures of the pictures at these positions, each as often as it stands there
 * @returns null for a figure that fewer than half of the resamples define; else the interval of those that do
 */
export function bootstrap<Name extends string>(
  figures: (drawn: Int32Array) => Figures<Name>,
  { samples, resamples, seed, level = 0.95, onResample }: BootstrapOptions,
): Record<Name, Interval | null> {
  if (!(resamples >= 1) || !Number.isInteger(resamples)) {
    throw new UaferError('USAGE', `A bootstrap of ${resamples} resamples: expected a whole number of at least 1.`);
  }
  const values = new Map<Name, number[]>();
  for (let resample = 0; resample < resamples; resample++) {
    for (const [name, value] of entries(figures(drawSamples(samples, seed, resample)))) {
      const known = values.get(name) ?? [];
      if (value !== null) known.push(value);
      values.set(name, known);
    }
    onResample?.(resample + 1);
  }
  const intervals = [...values].map(([name, known]) => [name, 2 * known.length < resamples ? null : interval(known, level)]);
  return Object.fromEntries(intervals);
}

/** Figures of the second less those of the first: what is bootstrapped to compare two models on the same pictures. */
export function differences<Name extends string>(
  first: (drawn: Int32Array) => Figures<Name>,
  second: (drawn: Int32Array) => Figures<Name>,
): (drawn: Int32Array) => Figures<Name> {
  return (drawn) => {
    const before = first(drawn);
    const after = second(drawn);
    return Object.fromEntries(
      entries(after).map(([name, value]) => {
        const other = before[name];
        return [name, value === null || other === null ? null : value - other];
      }),
    ) as Figures<Name>;
  };
}

/** As many positions as there are pictures, drawn with replacement. */
export function drawSamples(samples: number, seed: number, resample: number): Int32Array {
  const random = createRandom({ seed, epoch: resample, stream: STREAMS.bootstrap, position: 0 });
  return Int32Array.from({ length: samples }, () => random.integer(samples));
}

/** The values at the shares (1 - level) / 2 and (1 + level) / 2 of the sorted ones, interpolated between neighbours. */
export function interval(values: readonly number[], level: number): Interval {
  const sorted = Float64Array.from(values).sort();
  const at = (share: number) => {
    const place = share * (sorted.length - 1);
    const below = sorted[Math.floor(place)] as number;
    const above = sorted[Math.ceil(place)] as number;
    return below + (place - Math.floor(place)) * (above - below);
  };
  return [at((1 - level) / 2), at((1 + level) / 2)];
}

function entries<Name extends string>(figures: Figures<Name>): [Name, number | null][] {
  return Object.entries(figures) as [Name, number | null][];
}
