/**
 * Do probabilities mean what they say? Proper scores (negative log-likelihood, Brier) reward both calibration and telling the classes
 * apart; calibration errors compare what was said with what came, over bins of what was said. Bins of equal width are
 * (b / B, (b + 1) / B], with B = 15 unless said otherwise.
 */
import { forEachLevel, type Levels, totals } from './levels.js';

/** A picture's class and the probabilities (C) of its answer. */
export interface Forecast {
  /** 0-based. */
  label: number;
  probabilities: readonly number[];
}

/** The smallest number above 0 in single precision, which the engine computes in: what counts for a probability of 0. */
export const SMALLEST_PROBABILITY = 2 ** -149;
const BINS = 15;

/**
 * Mean of -ln p(label), in nats, at least 0, lower is better; ln C for the uniform answer. A probability of 0 counts as 2^-149, that is
 * 103.3 nats.
 */
export function negativeLogLikelihood(forecasts: readonly Forecast[]): number {
  return mean(forecasts, ({ label, probabilities }) => -logProbability(probabilities[label] as number));
}

/** ln p, with 0 held at the smallest probability. */
export function logProbability(p: number): number {
  return Math.log(Math.max(p, SMALLEST_PROBABILITY));
}

/** Mean of sum_c (p_c - [c = label])^2, in [0, 2], lower is better (Brier 1950, the form for several classes). */
export function brierScore(forecasts: readonly Forecast[]): number {
  return mean(forecasts, ({ label, probabilities }) =>
    probabilities.reduce((total, p, c) => total + (p - (c === label ? 1 : 0)) ** 2, 0),
  );
}

/** Brier's score in parts: score = reliability - resolution + uncertainty + withinBins. */
export interface BrierDecomposition {
  score: number;
  /** How far the probabilities of a bin are from the share of pictures that were of the class; lower is better. */
  reliability: number;
  /** How far that share differs from bin to bin; higher is better. */
  resolution: number;
  /** What the shares of the classes say alone; no model changes it. */
  uncertainty: number;
  /** What bins leave out: 0 where all probabilities of a bin are equal. */
  withinBins: number;
}

/**
 * Murphy's decomposition (1973), summed over classes each against the rest, in bins of equal width of p_c. The part within bins
 * (Stephenson, Coelho and Jolliffe 2008) makes the sum exact.
 */
export function brierDecomposition(forecasts: readonly Forecast[], classes: number, bins = BINS): BrierDecomposition {
  const parts = { reliability: 0, resolution: 0, uncertainty: 0 };
  for (let c = 0; c < classes; c++) {
    const share = forecasts.filter(({ label }) => label === c).length / forecasts.length;
    parts.uncertainty += share * (1 - share);
    for (const bin of classBins(forecasts, c, bins)) {
      const weight = bin.samples / forecasts.length;
      parts.reliability += weight * (bin.confidence - bin.accuracy) ** 2;
      parts.resolution += weight * (bin.accuracy - share) ** 2;
    }
  }
  const score = brierScore(forecasts);
  return { score, ...parts, withinBins: score - (parts.reliability - parts.resolution + parts.uncertainty) };
}

/** The pictures whose probability lies in (lower, upper]. */
export interface ReliabilityBin {
  lower: number;
  upper: number;
  samples: number;
  /** Mean probability, and share of the pictures for which it came true. */
  confidence: number;
  accuracy: number;
}

/** The bins of equal width that hold a picture: what a reliability diagram shows. */
export function reliabilityBins(confidence: ArrayLike<number>, correct: ArrayLike<boolean>, bins = BINS): ReliabilityBin[] {
  const samples = new Float64Array(bins);
  const confidences = new Float64Array(bins);
  const hits = new Float64Array(bins);
  for (let i = 0; i < confidence.length; i++) {
    const value = confidence[i] as number;
    const bin = Math.min(bins - 1, Math.max(0, Math.ceil(value * bins) - 1));
    add(samples, bin, 1);
    add(confidences, bin, value);
    add(hits, bin, correct[i] ? 1 : 0);
  }
  return Array.from(samples, (count, bin) => ({
    lower: bin / bins,
    upper: (bin + 1) / bins,
    samples: count,
    confidence: (confidences[bin] as number) / count,
    accuracy: (hits[bin] as number) / count,
  })).filter((bin) => bin.samples > 0);
}

/**
 * Expected calibration error, in [0, 1], lower is better: sum_b n_b / n |accuracy_b - confidence_b| over 15 bins of equal width, bin b
 * being (b / 15, (b + 1) / 15] (Naeini et al. 2015; Guo et al. 2017). `confidence` is the probability of the predicted class.
 */
export function expectedCalibrationError(confidence: ArrayLike<number>, correct: ArrayLike<boolean>, bins = BINS): number {
  return weightedGap(reliabilityBins(confidence, correct, bins));
}

/**
 * Expected calibration error over 15 bins of as many pictures each (adaptive calibration error of the predicted class; Nguyen and
 * O'Connor 2015), in [0, 1], lower is better: of n pictures the first n mod 15 bins, least confident first, hold one more. Pictures of
 * equal confidence that stand in two bins are spread evenly over them, so that their order has no influence.
 *
 * @param levels of the confidence; the positives are the right predictions
 */
export function equalMassCalibrationError(levels: Levels, bins = BINS): number {
  const { positive, negative } = totals(levels);
  const samples = positive + negative;
  const sizes = Array.from({ length: bins }, (_, b) => Math.floor(samples / bins) + (b < samples % bins ? 1 : 0));
  const gaps = new Float64Array(bins);
  let bin = 0;
  let room = sizes[0] as number;
  forEachLevel(levels, (level) => {
    const size = level.positive + level.negative;
    const gap = level.positive / size - level.value;
    for (let left = size; left > 0; ) {
      if (room === 0) room = sizes[++bin] as number;
      const here = Math.min(room, left);
      add(gaps, bin, here * gap);
      room -= here;
      left -= here;
    }
  });
  return gaps.reduce((total, gap) => total + Math.abs(gap), 0) / samples;
}

/**
 * Class-wise calibration error, in [0, 1], lower is better: the mean over classes c of the expected calibration error of p_c as the
 * probability of c against the rest, over 15 bins of equal width (Kull et al. 2019). A class without a picture counts: its probability
 * should be 0.
 */
export function classwiseCalibrationError(forecasts: readonly Forecast[], classes: number, bins = BINS): number {
  let total = 0;
  for (let c = 0; c < classes; c++) total += weightedGap(classBins(forecasts, c, bins));
  return total / classes;
}

function classBins(forecasts: readonly Forecast[], c: number, bins: number): ReliabilityBin[] {
  const said = forecasts.map(({ probabilities }) => probabilities[c] as number);
  const came = forecasts.map(({ label }) => label === c);
  return reliabilityBins(said, came, bins);
}

function weightedGap(bins: readonly ReliabilityBin[]): number {
  let gaps = 0;
  let samples = 0;
  for (const bin of bins) {
    gaps += bin.samples * Math.abs(bin.accuracy - bin.confidence);
    samples += bin.samples;
  }
  return gaps / samples;
}

function mean<T>(items: readonly T[], of: (item: T) => number): number {
  let total = 0;
  for (const item of items) total += of(item);
  return total / items.length;
}

function add(sums: Float64Array, at: number, value: number): void {
  sums[at] = (sums[at] as number) + value;
}
