import type { Picture } from './decode.js';

export type ResizeFilter = 'bilinear' | 'bicubic';

interface Kernel {
  support: number;
  weight(x: number): number;
}

/** Keys' cubic with a = -0.5 (Keys 1981), and the triangle; as Pillow has them. */
const KERNELS: Record<ResizeFilter, Kernel> = {
  bilinear: { support: 1, weight: (x) => Math.max(0, 1 - Math.abs(x)) },
  bicubic: { support: 2, weight: cubic },
};

function cubic(signed: number): number {
  const a = -0.5;
  const x = Math.abs(signed);
  if (x < 1) return ((a + 2) * x - (a + 3)) * x * x + 1;
  return x < 2 ? (((x - 5) * x + 8) * x - 4) * a : 0;
}

/** Weights have 22 fractional bits, so that 8-bit pixels times weights, summed, stay within a signed 32-bit word. */
const PRECISION = 22;
const HALF = 1 << (PRECISION - 1);
const CHANNELS = 3;

interface Coefficients {
  /** First source position of each output position. */
  first: Int32Array;
  /** Number of source positions of each output position. */
  count: Int32Array;
  /** Fixed-point weights, `taps` for each output position. */
  weights: Int32Array;
  taps: number;
}

/**
 * Resizes RGB pixels as Pillow does: antialiased separable resampling (the kernel is widened when shrinking), horizontal then
 * vertical, with fixed-point weights and rounding to 8 bits after each pass. Equal to `Image.resize` bit for bit, except that Pillow
 * from version 13 on begins with the vertical pass when the height shrinks much more than the width.
 */
export function resizePicture(picture: Picture, width: number, height: number, filter: ResizeFilter): Picture {
  const narrow = picture.width === width ? picture : resizeRows(picture, width, coefficients(picture.width, width, filter));
  return narrow.height === height ? narrow : resizeColumns(narrow, height, coefficients(narrow.height, height, filter));
}

const cache = new Map<string, Coefficients>();
/** A data set of pictures of every size would otherwise keep one entry for each. */
const CACHE_LIMIT = 256;

function coefficients(from: number, to: number, filter: ResizeFilter): Coefficients {
  const key = `${from} ${to} ${filter}`;
  let found = cache.get(key);
  if (found === undefined) {
    if (cache.size >= CACHE_LIMIT) cache.clear();
    found = computeCoefficients(from, to, KERNELS[filter]);
    cache.set(key, found);
  }
  return found;
}

function computeCoefficients(from: number, to: number, kernel: Kernel): Coefficients {
  const scale = from / to;
  const stretch = Math.max(scale, 1);
  const support = kernel.support * stretch;
  const taps = Math.ceil(support) * 2 + 1;
  const first = new Int32Array(to);
  const count = new Int32Array(to);
  const weights = new Int32Array(to * taps);
  for (let i = 0; i < to; i++) {
    const center = (i + 0.5) * scale;
    const start = Math.max(0, Math.trunc(center - support + 0.5));
    const end = Math.min(from, Math.trunc(center + support + 0.5));
    const raw = Array.from({ length: end - start }, (_, k) => kernel.weight((k + start - center + 0.5) * (1 / stretch)));
    const total = raw.reduce((sum, weight) => sum + weight, 0);
    first[i] = start;
    count[i] = end - start;
    raw.forEach((weight, k) => {
      weights[i * taps + k] = toFixed(weight / total);
    });
  }
  return { first, count, weights, taps };
}

/** Rounds half away from zero. */
const toFixed = (weight: number): number => Math.trunc(weight * (1 << PRECISION) + (weight < 0 ? -0.5 : 0.5));

function resizeRows({ data, width, height }: Picture, to: number, { first, count, weights, taps }: Coefficients): Picture {
  const out = new Uint8ClampedArray(to * height * CHANNELS);
  let at = 0;
  for (let y = 0; y < height; y++) {
    const row = y * width * CHANNELS;
    for (let x = 0; x < to; x++) {
      let red = HALF;
      let green = HALF;
      let blue = HALF;
      let from = row + (first[x] as number) * CHANNELS;
      const start = x * taps;
      const end = start + (count[x] as number);
      for (let k = start; k < end; k++) {
        const weight = weights[k] as number;
        red = (red + Math.imul(data[from] as number, weight)) | 0;
        green = (green + Math.imul(data[from + 1] as number, weight)) | 0;
        blue = (blue + Math.imul(data[from + 2] as number, weight)) | 0;
        from += CHANNELS;
      }
      out[at++] = red >> PRECISION;
      out[at++] = green >> PRECISION;
      out[at++] = blue >> PRECISION;
    }
  }
  return { data: new Uint8Array(out.buffer), width: to, height };
}

function resizeColumns({ data, width }: Picture, to: number, { first, count, weights, taps }: Coefficients): Picture {
  const stride = width * CHANNELS;
  const out = new Uint8ClampedArray(to * stride);
  const sums = new Int32Array(stride);
  for (let y = 0; y < to; y++) {
    const from = (first[y] as number) * stride;
    const rows = count[y] as number;
    sums.fill(HALF);
    for (let k = 0; k < rows; k += ROWS_AT_ONCE) {
      const used = Math.min(ROWS_AT_ONCE, rows - k);
      addRows(sums, data, from + k * stride, used, weights, y * taps + k);
    }
    const row = y * stride;
    for (let i = 0; i < stride; i++) out[row + i] = (sums[i] as number) >> PRECISION;
  }
  return { data: new Uint8Array(out.buffer), width, height: to };
}

/** Four rows a pass, so that a sum is loaded and stored once for each four products. */
const ROWS_AT_ONCE = 4;

/** Adds up to four rows of pixels, which begin at `from`, times their weights to `sums`. */
function addRows(sums: Int32Array, data: Uint8Array, from: number, rows: number, weights: Int32Array, at: number): void {
  const stride = sums.length;
  // Rows beyond the last are the last one again, with weight 0.
  const start = (row: number) => from + Math.min(row, rows - 1) * stride;
  const weight = (row: number) => (row < rows ? (weights[at + row] as number) : 0);
  const [r1, r2, r3] = [start(1), start(2), start(3)];
  const [w0, w1, w2, w3] = [weight(0), weight(1), weight(2), weight(3)];
  for (let i = 0; i < stride; i++) {
    const upper = (Math.imul(data[from + i] as number, w0) + Math.imul(data[r1 + i] as number, w1)) | 0;
    const lower = (Math.imul(data[r2 + i] as number, w2) + Math.imul(data[r3 + i] as number, w3)) | 0;
    sums[i] = ((sums[i] as number) + upper + lower) | 0;
  }
}
