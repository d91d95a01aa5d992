import { noGrad, ops, scope, type Tensor, tensor } from '../engine/index.js';
import type { KeptRows, Row } from './keptOnDisk.js';

/** What a frozen network says of each picture, kept for when the picture comes again. */
export interface Rows {
  /**
   * (B, ...) in single precision, without autograd.
   *
   * @param images (B, 3, S, S)
   * @param keys (B) one for each picture and variant of it
   */
  of(images: Tensor, keys: readonly number[]): Tensor;
}

export interface RowsOptions {
  /** What is kept is rounded to it, also where it is used at once. */
  dtype: 'float32' | 'bfloat16';
  /** Of one picture's; one dimension where nothing is said. */
  shape?: readonly number[];
  /** What may be kept in memory. */
  mostBytes: number;
  disk: KeptRows | null;
}

/**
 * Keeps what `encode` says of each picture, in memory and on the disk. On the CPU it is asked for one picture at a time, which is as quick as many there
 * since what a block makes stays in the processor's cache: so a row doesn't depend on the pictures beside it, and a run has the same bits
 * whatever was kept before (a resumed one begins with what is on the disk).
 *
 * @param encode images (B, 3, S, S) to (B, ...)
 */
export function createRows(encode: (images: Tensor) => Tensor, { dtype, shape, mostBytes, disk }: RowsOptions): Rows {
  const kept = new Map<number, Row>();
  const room = ({ byteLength }: Row) => (kept.size + 1) * byteLength <= mostBytes;
  return {
    of: (images, keys) => {
      const wanted = new Map(keys.map((key, place) => [key, place]));
      const found = new Map<number, Row>();
      for (const key of wanted.keys()) {
        const row = kept.get(key) ?? disk?.find(key);
        if (row) found.set(key, row);
      }
      const missing = [...wanted].filter(([key]) => !found.has(key));
      const atOnce = images.device === 'cpu' ? 1 : missing.length;
      for (let i = 0; i < missing.length; i += atOnce) {
        const group = missing.slice(i, i + atOnce);
        const places = group.map(([, place]) => place);
        for (const [j, row] of rowsOf(encode, images, places, dtype).entries()) {
          const [key] = group[j] as [number, number];
          found.set(key, row);
          disk?.keep(key, row);
        }
      }
      for (const [key, row] of found) if (!kept.has(key) && room(row)) kept.set(key, row);
      const rows = keys.map((key) => found.get(key) as Row);
      return joined(rows, shape ?? [(rows[0] as Row).length], { dtype, device: images.device });
    },
  };
}

function rowsOf(
  encode: (images: Tensor) => Tensor,
  images: Tensor,
  places: readonly number[],
  dtype: RowsOptions['dtype'],
): Row[] {
  return noGrad(() =>
    scope(() => {
      const chosen = tensor(BigInt64Array.from(places, BigInt), [places.length], { device: images.device });
      const made = ops.toDevice(ops.toDtype(encode(ops.indexSelect(images, 0, chosen)), dtype), 'cpu');
      const values = made.data() as Row;
      const width = values.length / places.length;
      return places.map((_, i) => values.slice(i * width, (i + 1) * width));
    }),
  );
}

function joined(
  rows: readonly Row[],
  shape: readonly number[],
  { dtype, device }: { dtype: RowsOptions['dtype']; device: string },
): Tensor {
  const width = (rows[0] as Row).length;
  const all = dtype === 'float32' ? new Float32Array(rows.length * width) : new Uint16Array(rows.length * width);
  rows.forEach((row, i) => {
    all.set(row, i * width);
  });
  return scope(() => ops.toDtype(tensor(all, [rows.length, ...shape], { dtype, device }), 'float32'));
}
