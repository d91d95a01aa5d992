/** Comparing an exported network with the one it was made from. */
import { noGrad, scope } from '../engine/index.js';
import { UaferError } from '../errors.js';
import { greyed, normalize } from '../image/preprocess.js';
import type { Network } from '../onnx/network.js';
import type { Model } from '../task/task.js';
import type { CheckPicture } from './checkPictures.js';

/** How an exported network differs from libtorch's on real pictures. */
export interface Comparison {
  pictures: number;
  /** Largest difference of a logit, and largest absolute logit. */
  largestDifference: number;
  largestLogit: number;
  /** Largest difference of a probability. */
  largestProbabilityDifference: number;
  /** Pictures whose class is another one. */
  changedAnswers: number;
  /** Share answered rightly by each; null where the pictures have no labels. */
  accuracy: { before: number; after: number } | null;
}

/** (N, C) logits and probabilities, row by row. */
export interface Scores {
  logits: Float32Array;
  probabilities: Float32Array;
}

const BATCH = 16;

/** What libtorch's network says of the pictures. */
export function torchScores(model: Model, pictures: readonly CheckPicture[]): Scores {
  const { imageSize } = model.preprocessing;
  const size = 3 * imageSize * imageSize;
  const parts = batches(pictures).map((batch) => {
    const images = new Float32Array(batch.length * size);
    batch.forEach(({ pixels }, i) => {
      const coloured = model.preprocessing.colour === 'grey' ? greyed(pixels) : pixels;
      normalize(coloured, model.preprocessing, images.subarray(i * size, (i + 1) * size));
    });
    return noGrad(() =>
      scope(() =>
        model.predict({
          images,
          shape: [batch.length, 3, imageSize, imageSize],
          labels: BigInt64Array.from(batch, () => 0n),
          indices: Int32Array.from(batch, (_, i) => i),
        }),
      ),
    );
  });
  return { logits: joined(parts.map(({ logits }) => logits)), probabilities: joined(parts.map((part) => part.probabilities)) };
}

/** What an exported network says of them. */
export async function networkScores(network: Network, pictures: readonly CheckPicture[], imageSize: number): Promise<Scores> {
  const parts: Scores[] = [];
  for (const batch of batches(pictures)) {
    const outputs = await runBytes(network, batch, imageSize);
    parts.push({ logits: outputs('logits').data.slice(), probabilities: outputs('probabilities').data.slice() });
  }
  return { logits: joined(parts.map(({ logits }) => logits)), probabilities: joined(parts.map((part) => part.probabilities)) };
}

/** Runs a network on a batch of pictures. */
export function runBytes(network: Network, batch: readonly CheckPicture[], imageSize: number) {
  const size = 3 * imageSize * imageSize;
  const pixels = new Uint8Array(batch.length * size);
  batch.forEach((picture, i) => {
    pixels.set(picture.pixels, i * size);
  });
  return network.run(pixels, [batch.length, imageSize, imageSize, 3]);
}

export function compare(before: Scores, after: Scores, pictures: readonly CheckPicture[]): Comparison {
  const classes = before.logits.length / pictures.length;
  const answer = (logits: Float32Array, i: number) => {
    const row = logits.subarray(i * classes, (i + 1) * classes);
    return row.indexOf(Math.max(...row));
  };
  const changed = pictures.filter((_, i) => answer(before.logits, i) !== answer(after.logits, i)).length;
  const right = (logits: Float32Array) =>
    pictures.filter(({ label }, i) => answer(logits, i) === label).length / pictures.length;
  const labelled = pictures.length > 0 && pictures.every(({ label }) => label !== null);
  return {
    pictures: pictures.length,
    largestDifference: largestDifference(before.logits, after.logits),
    largestLogit: before.logits.reduce((most, logit) => Math.max(most, Math.abs(logit)), 0),
    largestProbabilityDifference: largestDifference(before.probabilities, after.probabilities),
    changedAnswers: changed,
    accuracy: labelled ? { before: right(before.logits), after: right(after.logits) } : null,
  };
}

/** What a person reads of a comparison. */
export function comparisonLines({ pictures, largestDifference, changedAnswers, accuracy }: Comparison, what: string): string[] {
  const lines = [
    `Compared with libtorch on ${what}: logits differ by at most ${largestDifference.toExponential(1)}, ` +
      `${changedAnswers} of ${pictures} answers change.`,
  ];
  if (accuracy) lines.push(`Accuracy there: ${percent(accuracy.before)} before, ${percent(accuracy.after)} exported.`);
  return lines;
}

const percent = (share: number) => `${(100 * share).toFixed(2)}%`;

/** Largest difference of a logit that rounding explains, and the share of right answers that an export may lose. */
const LARGEST_DIFFERENCE = { fp32: 1e-4, fp16: 2e-2, int8: Number.POSITIVE_INFINITY } as const;
const ACCURACY_LOSS = 0.005;

/** Throws `DIVERGED` for an export that differs by more than rounding, or loses over half a point of accuracy. */
export function refuseLoss(
  { largestDifference, accuracy }: Pick<Comparison, 'largestDifference' | 'accuracy'>,
  precision: keyof typeof LARGEST_DIFFERENCE,
  allowLoss: boolean,
): void {
  const reasons: string[] = [];
  // Written so that NaN is refused.
  if (!(largestDifference <= LARGEST_DIFFERENCE[precision]))
    reasons.push(`logits differ by ${largestDifference.toExponential(1)}, more than ${LARGEST_DIFFERENCE[precision]}`);
  if (accuracy && accuracy.before - accuracy.after > ACCURACY_LOSS)
    reasons.push(`accuracy falls from ${percent(accuracy.before)} to ${percent(accuracy.after)}, by more than half a point`);
  if (reasons.length === 0 || allowLoss) return;
  throw new UaferError(
    'DIVERGED',
    `The export in ${precision} is refused: ${reasons.join(', and ')}. Export in a higher precision, or with --allow-loss.`,
  );
}

function largestDifference(a: Float32Array, b: Float32Array): number {
  // NaN must not pass as no difference.
  return a.reduce((most, value, i) => {
    const apart = Math.abs(value - (b[i] as number));
    return apart <= most || Number.isNaN(most) ? most : apart;
  }, 0);
}

export function batches<T>(items: readonly T[]): T[][] {
  return Array.from({ length: Math.ceil(items.length / BATCH) }, (_, i) => items.slice(i * BATCH, (i + 1) * BATCH));
}

function joined(parts: readonly Float32Array[]): Float32Array {
  const whole = new Float32Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
