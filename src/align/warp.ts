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

/** Keys' cubic kernel with a = -0.5 (Keys 1981) at the four pixels around a position that is `t` past the second. */
function cubicWeights(t: number, out: Float64Array): void {
  const [t2, t3] = [t * t, t * t * t];
  out[0] = (-t3 + 2 * t2 - t) / 2;
  out[1] = (3 * t3 - 5 * t2 + 2) / 2;
  out[2] = (-3 * t3 + 4 * t2 + t) / 2;
  out[3] = (t3 - t2) / 2;
}

function sample(picture: Picture, { x: xs, y: ys }: Axes, toWidth: number, toHeight: number): Picture {
  const { data, width, height } = picture;
  const out = new Uint8ClampedArray(toWidth * toHeight * CHANNELS);
  const [wx, wy] = [new Float64Array(4), new Float64Array(4)];
  const [columns, rows] = [new Int32Array(4), new Int32Array(4)];
  for (let v = 0, to = 0; v < toHeight; v++) {
    for (let u = 0; u < toWidth; u++, to += CHANNELS) {
      const x = xs[0] * (u + 0.5) + xs[1] * (v + 0.5) + xs[2];
      const y = ys[0] * (u + 0.5) + ys[1] * (v + 0.5) + ys[2];
      if (!(x >= 0 && x < width && y >= 0 && y < height)) continue;
      const [x0, y0] = [Math.floor(x - 0.5), Math.floor(y - 0.5)];
      cubicWeights(x - 0.5 - x0, wx);
      cubicWeights(y - 0.5 - y0, wy);
      for (let k = 0; k < 4; k++) {
        columns[k] = Math.min(width - 1, Math.max(0, x0 - 1 + k)) * CHANNELS;
        rows[k] = Math.min(height - 1, Math.max(0, y0 - 1 + k)) * width * CHANNELS;
      }
      let [red, green, blue] = [0, 0, 0];
      for (let j = 0; j < 4; j++) {
        const row = rows[j] as number;
        for (let i = 0; i < 4; i++) {
          const from = row + (columns[i] as number);
          const weight = (wx[i] as number) * (wy[j] as number);
          red += weight * (data[from] as number);
          green += weight * (data[from + 1] as number);
          blue += weight * (data[from + 2] as number);
        }
      }
      // A clamped array rounds to the nearest on its own.
      out[to] = red;
      out[to + 1] = green;
      out[to + 2] = blue;
    }
  }
  return { data: new Uint8Array(out.buffer), width: toWidth, height: toHeight };
}
