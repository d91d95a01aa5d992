import { noGrad, ops, scope, type Tensor, tensor } from '../engine/index.js';
import type { KeptFeatures } from './keptFeatures.js';

/** Enough for 260,000 pictures and their mirrors at 512 features. */
const MOST_BYTES = 2 ** 30;
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
 * each of its `variants`; the student's frozen blocks, which the teacher shares, have to be computed in any case. What is on the disk already makes no
 * difference: a run that goes on must do as it did.
 */
export function worthKeeping(plan: { layers: number; fixLayer: number; epochs: number; variants: number }): boolean {
  const { layers, fixLayer, epochs, variants } = plan;
  return (layers - Math.max(0, fixLayer)) * epochs > layers * variants;
}

/**
 * Keeps what `encode` says of each picture, in memory and in `disk`. On the CPU it is asked for one picture at a time, which is as quick as many there
 * since what a block makes stays in the processor's cache: so a feature doesn't depend on the pictures beside it, and a run has the same bits
 * whatever was kept before (a resumed one begins with what is on the disk).
 *
 * @param encode images (B, 3, S, S) to CLS features (B, D)
 */
export function createTeacherFeatures(
  encode: (images: Tensor) => Tensor,
  { mostBytes = MOST_BYTES, disk = null }: { mostBytes?: number; disk?: KeptFeatures | null } = {},
): TeacherFeatures {
  const kept = new Map<number, Float32Array>();
  const room = (row: Float32Array) => (kept.size + 1) * row.length * BYTES <= mostBytes;
  return {
    of: (images, keys) => {
      const wanted = new Map(keys.map((key, place) => [key, place]));
      const found = new Map<number, Float32Array>();
      for (const key of wanted.keys()) {
        const row = kept.get(key) ?? disk?.find(key);
        if (row) found.set(key, row);
      }
      const missing = [...wanted].filter(([key]) => !found.has(key));
      const atOnce = images.device === 'cpu' ? 1 : missing.length;
      for (let i = 0; i < missing.length; i += atOnce) {
        const group = missing.slice(i, i + atOnce);
        const rows = featuresOf(
          encode,
          images,
          group.map(([, place]) => place),
        );
        for (const [j, [key]] of group.entries()) {
          const row = rows[j] as Float32Array;
          found.set(key, row);
          disk?.keep(key, row);
        }
      }
      for (const [key, row] of found) if (!kept.has(key) && room(row)) kept.set(key, row);
      return joined(
        keys.map((key) => found.get(key) as Float32Array),
        images.device,
      );
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
