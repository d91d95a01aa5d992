/** Resampling of a picture through a similarity transform. */
import type { Picture } from '../data/decode.js';
import { resizePicture } from '../data/resize.js';
import { applySimilarity, invertSimilarity, type Similarity, scaleOf } from './similarity.js';

const CHANNELS = 3;
/** Pixels that a bicubic kernel reaches to either side. */
const REACH = 2;
/** A shrinking of less than this needs no antialiasing that an eye or a network would notice. */
const SHRINKS = 1.05;

/**
 * The picture through `transform` (from its own pixels to those of the result), antialiased bicubic (Keys' kernel with a = -0.5).
 * Where the transform shrinks, the part of the picture that is seen is first resized to the result's scale as Pillow does it, and
 * then turned and moved.
 *
 * Border rule: a pixel of the result whose middle lies outside of the picture is black; near the edge the kernel sees the edge's
 * pixels repeated.
 */
export function warpPicture(picture: Picture, transform: Similarity, width: number, height: number): Picture {
  const back = invertSimilarity(transform);
  const shrink = scaleOf(back);
  if (shrink < SHRINKS) return sample(picture, axes(back), width, height);
  const seen = partSeen(picture, back, width, height, Math.ceil(REACH * shrink));
  if (!seen) return { data: new Uint8Array(width * height * CHANNELS), width, height };
  const part = crop(picture, seen);
  const reduced = resizePicture(
    part,
    Math.max(1, Math.round(part.width / shrink)),
    Math.max(1, Math.round(part.height / shrink)),
    'bicubic',
  );
  const [kx, ky] = [reduced.width / part.width, reduced.height / part.height];
  const { x, y } = axes(back);
  const toReduced = {
    x: [x[0] * kx, x[1] * kx, (x[2] - seen.left) * kx],
    y: [y[0] * ky, y[1] * ky, (y[2] - seen.top) * ky],
  } as const;
  return sample(reduced, toReduced, width, height);
}

/** Source position of a position of the result: x = x0 u + x1 v + x2, y = y0 u + y1 v + y2. */
interface Axes {
  x: readonly [number, number, number];
  y: readonly [number, number, number];
}

function axes({ a, b, dx, dy }: Similarity): Axes {
  return { x: [a, -b, dx], y: [b, a, dy] };
}

interface Part {
  left: number;
  top: number;
  right: number;
  bottom: number;
}

/** The whole pixels of the picture that the result shows, and `margin` more for the kernel; null when it shows none. */
function partSeen(
  { width, height }: Picture,
  back: Similarity,
  toWidth: number,
  toHeight: number,
  margin: number,
): Part | null {
  const corners = [
    { x: 0, y: 0 },
    { x: toWidth, y: 0 },
    { x: 0, y: toHeight },
    { x: toWidth, y: toHeight },
  ].map((corner) => applySimilarity(back, corner));
  const [xs, ys] = [corners.map(({ x }) => x), corners.map(({ y }) => y)];
  const left = Math.max(0, Math.floor(Math.min(...xs)) - margin);
  const top = Math.max(0, Math.floor(Math.min(...ys)) - margin);
  const right = Math.min(width, Math.ceil(Math.max(...xs)) + margin);
  const bottom = Math.min(height, Math.ceil(Math.max(...ys)) + margin);
  return right > left && bottom > top ? { left, top, right, bottom } : null;
}

/** The whole pixels from `left`, `top` to before `right`, `bottom`, which lie in the picture. */
export function crop({ data, width }: Picture, { left, top, right, bottom }: Part): Picture {
  const [partWidth, partHeight] = [right - left, bottom - top];
  const out = new Uint8Array(partWidth * partHeight * CHANNELS);
  for (let y = 0; y < partHeight; y++) {
    const from = ((top + y) * width + left) * CHANNELS;
    out.set(data.subarray(from, from + partWidth * CHANNELS), y * partWidth * CHANNELS);
  }
  return { data: out, width: partWidth, height: partHeight };
}

function sample(picture: Picture, { x: xs, y: ys }: Axes, toWidth: number, toHeight: number): Picture {
  const { data, width, height } = picture;
  const stride = width * CHANNELS;
  const out = new Uint8ClampedArray(toWidth * toHeight * CHANNELS);
  const patch = new Uint8Array(PATCH * PATCH * CHANNELS);
  for (let v = 0, to = 0; v < toHeight; v++) {
    for (let u = 0; u < toWidth; u++, to += CHANNELS) {
      const x = xs[0] * (u + 0.5) + xs[1] * (v + 0.5) + xs[2];
      const y = ys[0] * (u + 0.5) + ys[1] * (v + 0.5) + ys[2];
      if (!(x >= 0 && x < width && y >= 0 && y < height)) continue;
      const left = Math.floor(x - 0.5) - 1;
      const top = Math.floor(y - 0.5) - 1;
      const inside = left >= 0 && top >= 0 && left + PATCH <= width && top + PATCH <= height;
      if (!inside) copyPatch(picture, left, top, patch);
      const pixels = inside ? data : patch;
      mix(
        pixels,
        inside ? top * stride + left * CHANNELS : 0,
        inside ? stride : PATCH * CHANNELS,
        x - 1.5 - left,
        y - 1.5 - top,
        out,
        to,
      );
    }
  }
  return { data: new Uint8Array(out.buffer), width: toWidth, height: toHeight };
}

/** Pixels in a row that a cubic kernel weighs. */
const PATCH = 4;

/** The 4 x 4 pixels from `left`, `top` on; those beyond an edge are the edge's. */
function copyPatch({ data, width, height }: Picture, left: number, top: number, patch: Uint8Array): void {
  for (let j = 0, to = 0; j < PATCH; j++) {
    const row = Math.min(height - 1, Math.max(0, top + j)) * width;
    for (let i = 0; i < PATCH; i++, to += CHANNELS) {
      const from = (row + Math.min(width - 1, Math.max(0, left + i))) * CHANNELS;
      patch[to] = data[from] as number;
      patch[to + 1] = data[from + 1] as number;
      patch[to + 2] = data[from + 2] as number;
    }
  }
}

/**
 * Writes the value of 4 x 4 pixels, which begin at `at` and have rows of `stride` bytes, at the place `s`, `t` past the second pixel and
 * row. Keys' cubic kernel with a = -0.5 (Keys 1981). Unrolled: this is where the time of an alignment goes.
 */
function mix(pixels: Uint8Array, at: number, stride: number, s: number, t: number, out: Uint8ClampedArray, to: number): void {
  const w0 = ((2 - s) * s - 1) * s * 0.5;
  const w1 = ((3 * s - 5) * s * s + 2) * 0.5;
  const w2 = ((4 - 3 * s) * s + 1) * s * 0.5;
  const w3 = (s - 1) * s * s * 0.5;
  let weight = ((2 - t) * t - 1) * t * 0.5;
  let red = 0;
  let green = 0;
  let blue = 0;
  for (let j = 0, p = at; j < PATCH; j++, p += stride) {
    if (j === 1) weight = ((3 * t - 5) * t * t + 2) * 0.5;
    else if (j === 2) weight = ((4 - 3 * t) * t + 1) * t * 0.5;
    else if (j === 3) weight = (t - 1) * t * t * 0.5;
    red +=
      weight *
      (w0 * (pixels[p] as number) +
        w1 * (pixels[p + 3] as number) +
        w2 * (pixels[p + 6] as number) +
        w3 * (pixels[p + 9] as number));
    green +=
      weight *
      (w0 * (pixels[p + 1] as number) +
        w1 * (pixels[p + 4] as number) +
        w2 * (pixels[p + 7] as number) +
        w3 * (pixels[p + 10] as number));
    blue +=
      weight *
      (w0 * (pixels[p + 2] as number) +
        w1 * (pixels[p + 5] as number) +
        w2 * (pixels[p + 8] as number) +
        w3 * (pixels[p + 11] as number));
  }
  // A clamped array rounds to the nearest on its own.
  out[to] = red;
  out[to + 1] = green;
  out[to + 2] = blue;
}
