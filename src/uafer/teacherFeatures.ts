import { noGrad, ops, scope, type Tensor, tensor } from '../engine/index.js';

/** Enough for 260,000 pictures and their mirrors at 512 features. */
const MOST_BYTES = 2 ** 30;
/** Each picture as it is and mirrored. */
const VARIANTS = 2;
const BYTES = Float32Array.BYTES_PER_ELEMENT;

/** What the frozen CLIP says of pictures, kept for the epochs that follow. */
export interface TeacherFeatures {
  /**
   * CLS features (B, D) in single precision, not normalised, without autograd.
   *
   * @param images (B, 3, S, S)
   * @param keys (B) one for each picture and variant of it
   */
  of(images: Tensor, keys: readonly number[]): Tensor;
}

/**
 * Whether keeping takes less time than computing anew from the frozen blocks' output on. Kept features are computed from the picture on, once for
 * each variant; the student's frozen blocks, which the teacher shares, have to be computed in any case.
 */
export function worthKeeping({ layers, fixLayer, epochs }: { layers: number; fixLayer: number; epochs: number }): boolean {
  return (layers - Math.max(0, fixLayer)) * epochs > layers * VARIANTS;
}

/**
 * Keeps what `encode` says of each picture. On the CPU it is asked for one picture at a time, which is as quick as many there since what a block makes
 * stays in the processor's cache: so a feature doesn't depend on the pictures beside it, and a run has the same bits whatever was kept before
 * (a resumed one begins with nothing).
 *
 * @param encode images (B, 3, S, S) to CLS features (B, D)
 */
export function createTeacherFeatures(encode: (images: Tensor) => Tensor, mostBytes = MOST_BYTES): TeacherFeatures {
  const kept = new Map<number, Float32Array>();
  return {
    of: (images, keys) => {
      const missing = [...new Map(keys.map((key, place) => [key, place]))].filter(([key]) => !kept.has(key));
      const made = new Map<number, Float32Array>();
      const atOnce = images.device === 'cpu' ? 1 : missing.length;
      for (let i = 0; i < missing.length; i += atOnce) {
        const group = missing.slice(i, i + atOnce);
        const rows = featuresOf(
          encode,
          images,
          group.map(([, place]) => place),
        );
        for (const [j, [key]] of group.entries()) made.set(key, rows[j] as Float32Array);
      }
      for (const [key, row] of made) if ((kept.size + 1) * row.length * BYTES <= mostBytes) kept.set(key, row);
      const rows = keys.map((key) => (kept.get(key) ?? made.get(key)) as Float32Array);
      return joined(rows, images.device);
    },
  };
}

function featuresOf(encode: (images: Tensor) => Tensor, images: Tensor, places: readonly number[]): Float32Array[] {
  return noGrad(() =>
    scope(() => {
      const chosen = tensor(BigInt64Array.from(places, BigInt), [places.length], { device: images.device });
      const features = ops.toDevice(ops.toDtype(encode(ops.indexSelect(images, 0, chosen)), 'float32'), 'cpu');
      const values = features.data() as Float32Array;
      const width = features.shape[1] as number;
      return places.map((_, i) => values.slice(i * width, (i + 1) * width));
    }),
  );
}

function joined(rows: readonly Float32Array[], device: string): Tensor {
  const width = (rows[0] as Float32Array).length;
  const all = new Float32Array(rows.length * width);
  rows.forEach((row, i) => {
    all.set(row, i * width);
  });
  return tensor(all, [rows.length, width], { device });
}
