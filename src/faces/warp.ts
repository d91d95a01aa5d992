/** Resampling of a picture through a similarity transform. */
import type { Picture } from '../image/picture.js';
import { copyRegion, crop, type Region } from '../image/region.js';
import { resizePicture } from '../image/resize.js';
import { kernels } from '../kernels/kernels.js';
import { applySimilarity, invertSimilarity, type Similarity, scaleOf } from './similarity.js';

const CHANNELS = 3;
/** Pixels that the cubic kernel reaches to either side. */
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
  const seen = partSeen(picture, back, width, height, Math.ceil(REACH * Math.max(1, shrink)));
  if (!seen) return { data: new Uint8Array(width * height * CHANNELS), width, height };
  const { x, y } = axes(back);
  const inPart: Axes = { x: [x[0], x[1], x[2] - seen.left], y: [y[0], y[1], y[2] - seen.top] };
  if (shrink < SHRINKS) return sample(picture, seen, inPart, width, height);
  const part = crop(picture, seen);
  const reduced = reduce(part, shrink);
  const [kx, ky] = [reduced.width / part.width, reduced.height / part.height];
  const inReduced: Axes = {
    x: [inPart.x[0] * kx, inPart.x[1] * kx, inPart.x[2] * kx],
    y: [inPart.y[0] * ky, inPart.y[1] * ky, inPart.y[2] * ky],
  };
  return sample(reduced, { left: 0, top: 0, right: reduced.width, bottom: reduced.height }, inReduced, width, height);
}

function reduce(part: Picture, shrink: number): Picture {
  const side = (length: number) => Math.max(1, Math.round(length / shrink));
  return resizePicture(part, side(part.width), side(part.height), 'bicubic');
}

/** Source position of a position of the result: x = x0 u + x1 v + x2, y = y0 u + y1 v + y2. */
interface Axes {
  x: readonly [number, number, number];
  y: readonly [number, number, number];
}

function axes({ a, b, dx, dy }: Similarity): Axes {
  return { x: [a, -b, dx], y: [b, a, dy] };
}

/** The whole pixels of the picture that the result shows, and `margin` more for the kernel; null when it shows none. */
function partSeen(
  { width, height }: Picture,
  back: Similarity,
  toWidth: number,
  toHeight: number,
  margin: number,
): Region | null {
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

/** Samples a part of a picture; `axes` give places in that part. */
function sample(picture: Picture, part: Region, { x, y }: Axes, width: number, height: number): Picture {
  const [partWidth, partHeight] = [part.right - part.left, part.bottom - part.top];
  const stride = (partWidth + 2 * REACH) * CHANNELS;
  const framedLength = (partHeight + 2 * REACH) * stride;
  const length = width * height * CHANNELS;
  const kernel = kernels(framedLength, length);
  const [framed, out] = kernel.places;
  frame(picture, part, kernel.bytes.subarray(framed, framed + framedLength));
  const source = framed + REACH * (stride + CHANNELS);
  kernel.warp(source, stride, partWidth, partHeight, out, width, height, ...x, ...y);
  return { data: kernel.bytes.slice(out, out + length), width, height };
}

/** Writes a part of a picture with `REACH` pixels around it that repeat its edge. */
function frame(picture: Picture, part: Region, framed: Uint8Array): void {
  const inner = REACH * CHANNELS;
  const beyond = inner + (part.right - part.left) * CHANNELS;
  const stride = beyond + inner;
  const height = part.bottom - part.top;
  copyRegion(picture, part, framed.subarray(REACH * stride + inner), stride);
  for (let row = REACH * stride; row < (REACH + height) * stride; row += stride) {
    for (let i = 0; i < inner; i += CHANNELS) {
      framed.copyWithin(row + i, row + inner, row + inner + CHANNELS);
      framed.copyWithin(row + beyond + i, row + beyond - CHANNELS, row + beyond);
    }
  }
  for (let y = 0; y < REACH; y++) {
    framed.copyWithin(y * stride, REACH * stride, (REACH + 1) * stride);
    framed.copyWithin((REACH + height + y) * stride, (REACH + height - 1) * stride, (REACH + height) * stride);
  }
}
