import type { Tensor } from '../engine/index.js';
import type { KeptRows } from './keptOnDisk.js';
import { createRows, type Rows } from './rows.js';

/** Enough for 260,000 pictures and their mirrors at 512 features. */
const MOST_BYTES = 2 ** 30;

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
 * CLS features (B, D) of the frozen CLIP in single precision, not normalised, kept in memory and on `disk` for the epochs that follow.
 *
 * @param encode images (B, 3, S, S) to CLS features (B, D)
 */
export function createTeacherFeatures(
  encode: (images: Tensor) => Tensor,
  { mostBytes = MOST_BYTES, disk = null }: { mostBytes?: number; disk?: KeptRows | null } = {},
): Rows {
  return createRows(encode, { mostBytes, disk, dtype: 'float32' });
}
