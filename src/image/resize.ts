import { kernels } from '../kernels/kernels.js';
import type { Picture } from './picture.js';

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
/** A weight goes to the kernel in two parts of 16 bits, of which the lower one has so many of its bits. */
const LOW_BITS = 11;
const CHANNELS = 3;
/** Rows are copied to the kernel's memory so many bytes at a time: no second copy of a huge picture, and what fits a core's cache. */
const STRIP_BYTES = 1 << 18;

/** Where a picture stands on a black canvas, all in pixels. The canvas holds all of it. */
export interface Canvas {
  width: number;
  height: number;
  left: number;
  top: number;
}

/**
 * Resizes RGB pixels as Pillow does: antialiased separable resampling (the kernel is widened when shrinking), horizontal then
 * vertical, with fixed-point weights and rounding to 8 bits after each pass. Equal to `Image.resize` bit for bit, except that Pillow
 * from version 13 on begins with the vertical pass when the height shrinks much more than the width.
 *
 * @param canvas resizes a canvas with the picture on it instead
 * @returns the picture itself when it has that size already
 */
export function resizePicture(
  picture: Picture,
  width: number,
  height: number,
  filter: ResizeFilter,
  canvas: Canvas = { width: picture.width, height: picture.height, left: 0, top: 0 },
): Picture {
  if (picture.width === width && picture.height === height && canvas.width === width && canvas.height === height)
    return picture;
  const columns = axis(canvas.width, width, filter, canvas.left, picture.width);
  const rows = axis(canvas.height, height, filter, canvas.top, picture.height);
  const length = width * CHANNELS;
  // A row has room for what the kernel writes beyond its end, and below the last one there is another that it may read.
  const stride = length + CHANNELS;
  const strip = Math.max(1, Math.floor(STRIP_BYTES / (picture.width * CHANNELS)));
  const kernel = kernels(
    columns.spans.byteLength,
    columns.weights.byteLength,
    rows.spans.byteLength,
    rows.weights.byteLength,
    Math.min(strip, picture.height) * picture.width * CHANNELS,
    (picture.height + 1) * stride,
    height * length,
  );
  const [columnSpans, columnWeights, rowSpans, rowWeights, source, narrow, out] = kernel.places;
  copy(kernel.bytes, columns, columnSpans, columnWeights);
  copy(kernel.bytes, rows, rowSpans, rowWeights);
  const sourceStride = picture.width * CHANNELS;
  for (let y = 0; y < picture.height; y += strip) {
    const count = Math.min(strip, picture.height - y);
    kernel.bytes.set(picture.data.subarray(y * sourceStride, (y + count) * sourceStride), source);
    const to = narrow + y * stride;
    kernel.resizeRows(source, sourceStride, count, to, stride, width, columnSpans, columnWeights, columns.pairs);
  }
  kernel.resizeColumns(narrow, stride, length, out, height, rowSpans, rowWeights, rows.pairs);
  return { data: kernel.bytes.slice(out, out + height * length), width, height };
}

/** The weights along one axis, as the kernel takes them. */
interface Axis {
  /** For each output position its first source position and the number of pairs of positions that it weighs from there on. */
  spans: Int32Array;
  /** For each output position `pairs` times four numbers: the high parts of two weights, then their low parts. */
  weights: Int16Array;
  pairs: number;
}

const cache = new Map<string, Axis>();
/** A data set of pictures of every size would otherwise keep one entry for each. */
const CACHE_LIMIT = 256;

/** Of `from` source positions those from `start` on, `visible` in number, are the picture's: a span counts from there, and the others are 0. */
function axis(from: number, to: number, filter: ResizeFilter, start: number, visible: number): Axis {
  const key = `${from} ${to} ${filter} ${start} ${visible}`;
  let found = cache.get(key);
  if (found === undefined) {
    if (cache.size >= CACHE_LIMIT) cache.clear();
    found = computeAxis(from, to, KERNELS[filter], start, visible);
    cache.set(key, found);
  }
  return found;
}

function computeAxis(from: number, to: number, kernel: Kernel, start: number, visible: number): Axis {
  const scale = from / to;
  const stretch = Math.max(scale, 1);
  const support = kernel.support * stretch;
  const pairs = Math.ceil((Math.ceil(support) * 2 + 1) / 2);
  const spans = new Int32Array(2 * to);
  const weights = new Int16Array(to * pairs * 4);
  for (let i = 0; i < to; i++) {
    const center = (i + 0.5) * scale;
    const first = Math.max(0, Math.trunc(center - support + 0.5));
    const end = Math.min(from, Math.trunc(center + support + 0.5));
    const raw = Array.from({ length: end - first }, (_, k) => kernel.weight((k + first - center + 0.5) * (1 / stretch)));
    const total = raw.reduce((sum, weight) => sum + weight, 0);
    const before = Math.max(0, start - first);
    const seen = raw.slice(before, Math.max(before, start + visible - first));
    spans.set([seen.length === 0 ? 0 : first + before - start, Math.ceil(seen.length / 2)], 2 * i);
    seen.forEach((weight, k) => {
      const fixed = toFixed(weight / total);
      const at = (i * pairs + (k >> 1)) * 4 + (k & 1);
      weights[at] = fixed >> LOW_BITS;
      weights[at + 2] = fixed & ((1 << LOW_BITS) - 1);
    });
  }
  return { spans, weights, pairs };
}

/** Rounds half away from zero. */
const toFixed = (weight: number): number => Math.trunc(weight * (1 << PRECISION) + (weight < 0 ? -0.5 : 0.5));

function copy(memory: Uint8Array, { spans, weights }: Axis, spansAt: number, weightsAt: number): void {
  memory.set(new Uint8Array(spans.buffer), spansAt);
  memory.set(new Uint8Array(weights.buffer), weightsAt);
}
