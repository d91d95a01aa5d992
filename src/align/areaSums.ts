/** Shrinking by averages over areas, as many times as a detector asks for, at four additions an output pixel and channel. */
import type { Picture } from '../data/decode.js';
import type { Scratch } from './scratch.js';

const CHANNELS = 3;

/**
 * Summed-area table (Crow 1984) of an RGB picture: `sums[(y * (width + 1) + x) * 3 + channel]` is the sum of all pixels above y and
 * left of x, modulo 2^32. Sums over areas of up to 2^23 pixels come out right, since differences are taken modulo 2^32 too.
 */
export interface AreaSums {
  sums: Int32Array;
  width: number;
  height: number;
}

/** A part of a picture, in whole pixels; `right` and `bottom` are the first ones beyond it. */
export interface Region {
  left: number;
  top: number;
  right: number;
  bottom: number;
}

export function areaSums({ data, width, height }: Picture, scratch: Scratch): AreaSums {
  const stride = (width + 1) * CHANNELS;
  const sums = new Int32Array(scratch.take('sums', stride * (height + 1) * Int32Array.BYTES_PER_ELEMENT));
  sums.fill(0, 0, stride);
  let from = 0;
  for (let y = 1; y <= height; y++) {
    let at = y * stride;
    sums.fill(0, at, at + CHANNELS);
    const end = at + stride;
    let red = 0;
    let green = 0;
    let blue = 0;
    for (at += CHANNELS; at < end; at += CHANNELS) {
      red += data[from] as number;
      green += data[from + 1] as number;
      blue += data[from + 2] as number;
      from += CHANNELS;
      sums[at] = (sums[at - stride] as number) + red;
      sums[at + 1] = (sums[at + 1 - stride] as number) + green;
      sums[at + 2] = (sums[at + 2 - stride] as number) + blue;
    }
  }
  return { sums, width, height };
}

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
 * interpolation (adaptive average pooling) has it. Writes (mean - 127.5) / 128 of the wanted rows to `out` from position `at` on: three
 * planes, red, green, blue, of so many rows of width values each.
 */
export function areaResize(areas: AreaSums, region: Region, target: Target, out: Float32Array, at: number): void {
  const stride = (areas.width + 1) * CHANNELS;
  const { sums } = areas;
  const { width, height, firstRow, endRow } = target;
  const columns = touched(region.left, region.right - region.left, width, CHANNELS);
  const rows = touched(region.top, region.bottom - region.top, height, 1);
  const plane = width * (endRow - firstRow);
  let to = at;
  for (let y = firstRow; y < endRow; y++) {
    const first = rows[2 * y] as number;
    const last = rows[2 * y + 1] as number;
    const top = first * stride;
    const bottom = last * stride;
    for (let x = 0; x < width; x++) {
      const left = columns[2 * x] as number;
      const right = columns[2 * x + 1] as number;
      const a = top + left;
      const b = top + right;
      const c = bottom + left;
      const d = bottom + right;
      const red = ((sums[d] as number) - (sums[b] as number) - (sums[c] as number) + (sums[a] as number)) | 0;
      const green = ((sums[d + 1] as number) - (sums[b + 1] as number) - (sums[c + 1] as number) + (sums[a + 1] as number)) | 0;
      const blue = ((sums[d + 2] as number) - (sums[b + 2] as number) - (sums[c + 2] as number) + (sums[a + 2] as number)) | 0;
      const toMean = CHANNELS / ((last - first) * (right - left));
      out[to] = (red * toMean - 127.5) * 0.0078125;
      out[to + plane] = (green * toMean - 127.5) * 0.0078125;
      out[to + 2 * plane] = (blue * toMean - 127.5) * 0.0078125;
      to++;
    }
  }
}

/** First touched input position and the first beyond, for each of `to` outputs of `from` inputs that begin at `start`; times `step`. */
function touched(start: number, from: number, to: number, step: number): Int32Array {
  const bounds = new Int32Array(2 * to);
  for (let i = 0; i < to; i++) {
    bounds[2 * i] = (start + Math.floor((i * from) / to)) * step;
    bounds[2 * i + 1] = (start + Math.ceil(((i + 1) * from) / to)) * step;
  }
  return bounds;
}
