/** Shrinking by averages over areas, as MTCNN's networks learned from. */

import { kernels } from '../kernels/kernels.js';
import type { Picture } from './picture.js';
import { copyRegion, type Region } from './region.js';

const CHANNELS = 3;
/** Source bytes that are copied to the kernel's memory at a time, unless a single output row has more: what fits a core's cache. */
const BYTES_AT_ONCE = 1 << 18;

/** A picture's size, in pixels; of its rows only those from `firstRow` to before `endRow` are wanted. */
export interface Target {
  width: number;
  height: number;
  firstRow: number;
  endRow: number;
}

/** A whole picture. */
export const whole = (width: number, height: number): Target => ({ width, height, firstRow: 0, endRow: height });

/**
 * Resizes a region to width x height, each output pixel the mean of the input pixels that it touches, as PyTorch's `area`
 * interpolation (adaptive average pooling) has it; sums are exact up to 2^24 pixels. Writes (mean - 127.5) / 128 of the wanted rows to `out`
 * from position `at` on: three planes, red, green, blue, of so many rows of width values each.
 */
export function areaResize(picture: Picture, region: Region, target: Target, out: Float32Array, at: number): void {
  const { width, height, firstRow, endRow } = target;
  const columns = touched(region.right - region.left, width, 0, width);
  const rows = touched(region.bottom - region.top, height, firstRow, endRow);
  const length = (region.right - region.left) * CHANNELS;
  const plane = width * (endRow - firstRow);
  const wanted = endRow - firstRow;
  for (let y = 0, next = 0; y < wanted; y = next) {
    const first = rows[2 * y] as number;
    for (next = y + 1; next < wanted && ((rows[2 * next + 1] as number) - first) * length <= BYTES_AT_ONCE; ) next++;
    const [end, count] = [rows[2 * next - 1] as number, next - y];
    const planeLength = count * width * Float32Array.BYTES_PER_ELEMENT;
    const kernel = kernels((end - first) * length, columns.byteLength, 8 * count, (length + 16) * 4, CHANNELS * planeLength);
    const [source, columnsAt, rowsAt, sums, means] = kernel.places;
    const touchedRows = { ...region, top: region.top + first, bottom: region.top + end };
    copyRegion(picture, touchedRows, kernel.bytes.subarray(source), length);
    kernel.bytes.set(new Uint8Array(columns.buffer), columnsAt);
    kernel.bytes.set(new Uint8Array(rows.slice(2 * y, 2 * next).map((row) => row - first).buffer), rowsAt);
    kernel.areaMeans(source, length, rowsAt, count, columnsAt, width, sums, means);
    for (let channel = 0; channel < CHANNELS; channel++) {
      const made = new Float32Array(kernel.bytes.buffer, means + channel * planeLength, count * width);
      out.set(made, at + channel * plane + y * width);
    }
  }
}

/** First touched input position and the first beyond, for each of `to` outputs of `from` inputs; of those from `first` to before `end`. */
function touched(from: number, to: number, first: number, end: number): Int32Array {
  const bounds = new Int32Array(2 * (end - first));
  for (let i = first, at = 0; i < end; i++, at += 2) {
    bounds[at] = Math.floor((i * from) / to);
    bounds[at + 1] = Math.ceil(((i + 1) * from) / to);
  }
  return bounds;
}
