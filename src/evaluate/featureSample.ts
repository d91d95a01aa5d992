/** Features of a set's pictures, of a part of them where there are many: what is shown of a whole set. */
import type { BatchPrediction } from '../task/task.js';

/** CLS features of predictions. */
export interface FeatureSample {
  /** Their positions among the predictions. */
  rows: number[];
  /** (rows, D) row-major, of unit length. */
  values: Float32Array;
}

interface FeatureSampler {
  /** Takes those of the next `count` pictures. */
  add(prediction: Pick<BatchPrediction, 'features'>, count: number): void;
  /** What was kept; null of a network without features. */
  taken(): FeatureSample | null;
}

/** Features of at most so many pictures are kept: those of AffectNet's training pictures would take a gigabyte. */
const MOST_FEATURES = 3000;

/** Keeps every so many features of a set of at most `samples` pictures, in their order: lists are sorted by class. */
export function featureSampler(samples: number): FeatureSampler {
  const every = Math.ceil(samples / MOST_FEATURES);
  const rows: number[] = [];
  const kept: Float32Array[] = [];
  let seen = 0;
  return {
    add({ features }, count) {
      const dimensions = (features?.length ?? 0) / count;
      for (let i = 0; features && i < count; i++) {
        if ((seen + i) % every !== 0) continue;
        rows.push(seen + i);
        kept.push(features.slice(i * dimensions, (i + 1) * dimensions));
      }
      seen += count;
    },
    taken: () => (rows.length === 0 ? null : { rows, values: joined(kept) }),
  };
}

/** Rows of the same length, one after the other. */
function joined(parts: readonly Float32Array[]): Float32Array {
  const length = parts[0]?.length ?? 0;
  const whole = new Float32Array(parts.length * length);
  for (const [i, part] of parts.entries()) whole.set(part, i * length);
  return whole;
}
