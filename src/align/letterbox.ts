/** A photo made small and square for a network, with black bars beside it. */
import type { Picture } from '../data/decode.js';
import { resizePicture } from '../data/resize.js';
import type { Scratch } from './scratch.js';

const CHANNELS = 3;

/** Where the bars that make a photo square are, in shares of the square's side: as wide left as right, above as below. */
export interface Bars {
  horizontal: number;
  vertical: number;
}

export function barsOf({ width, height }: Pick<Picture, 'width' | 'height'>): Bars {
  const aspect = height / width;
  // Divided twice as the original does: a bar's whole pixels hang on the last bit.
  return { horizontal: Math.max(0, (1 - 1 / aspect) / 2), vertical: Math.max(0, (1 - aspect) / 2) };
}

/**
 * Resizes a photo with its bars to side x side as Pillow's `BILINEAR` does: antialiased by a triangle, first along rows, then along
 * columns, rounded to 8 bits after each. (Less exact, anchors whose score is near the threshold would come and go.) Writes
 * value / 127.5 - 1 to `out`: three planes, red, green, blue.
 */
export function letterbox(picture: Picture, side: number, out: Float32Array, scratch: Scratch): void {
  const { horizontal, vertical } = barsOf(picture);
  const square = Math.max(picture.width, picture.height);
  const [left, top] = [Math.trunc(horizontal * square), Math.trunc(vertical * square)];
  if (square < side) {
    writePlanes(resizePicture(squarePicture(picture, square, left, top), side, side, 'bilinear').data, out);
    return;
  }
  const narrow = shrinkRows(picture, gaps(picture.width, left, square, side), side, scratch);
  writePlanes(shrinkColumns(narrow, gaps(picture.height, top, square, side), side, scratch), out);
}

function squarePicture({ data, width, height }: Picture, square: number, left: number, top: number): Picture {
  const framed = new Uint8Array(square * square * CHANNELS);
  for (let y = 0; y < height; y++) {
    const row = data.subarray(y * width * CHANNELS, (y + 1) * width * CHANNELS);
    framed.set(row, ((y + top) * square + left) * CHANNELS);
  }
  return { data: framed, width: square, height: square };
}

/**
 * Shrinking by a triangle filter whose half width is the distance of two outputs: in the gap between two outputs' centres each pixel's
 * weight is shared by those two, linearly. With P the sum of a gap's pixels p[0..n) and Q = sum of (n - j) p[j], which take two
 * additions a pixel and no product, the right output gets `offset P - slope Q`, the left one what is left of P.
 */
interface Gaps {
  /** First pixel of each gap and the one after its last. The first gap lies before the first output, the last one after the last. */
  first: Int32Array;
  end: Int32Array;
  offset: Float64Array;
  slope: number;
  /** 1 / sum of weights of each output, pixels of the bars counted. */
  share: Float64Array;
}

function gaps(length: number, bar: number, square: number, side: number): Gaps {
  const scale = square / side;
  const found: Gaps = {
    first: new Int32Array(side + 1),
    end: new Int32Array(side + 1),
    offset: new Float64Array(side + 1),
    slope: 1 / scale,
    share: new Float64Array(side),
  };
  const weights = new Float64Array(side + 2);
  // One rule for both ends, so that rounding puts no pixel into two gaps.
  const firstPixel = (gap: number) => clamp(Math.ceil((gap - 0.5) * scale - 0.5), square);
  for (let gap = 0; gap <= side; gap++) {
    const centreBefore = (gap - 0.5) * scale;
    const [first, end] = [firstPixel(gap), firstPixel(gap + 1)];
    const n = end - first;
    const toRight = (n * (first + 0.5 - centreBefore) + (n * (n - 1)) / 2) / scale;
    weights[gap + 1] = (weights[gap + 1] as number) + toRight;
    weights[gap] = (weights[gap] as number) + n - toRight;
    const [visible, beyond] = [clamp(first - bar, length), clamp(end - bar, length)];
    found.first[gap] = visible;
    found.end[gap] = beyond;
    found.offset[gap] = (visible + bar + 0.5 - centreBefore + beyond - visible) / scale;
  }
  for (let i = 0; i < side; i++) found.share[i] = 1 / (weights[i + 1] as number);
  return found;
}

const clamp = (position: number, length: number): number => Math.min(Math.max(position, 0), length);

/** All rows, `side` pixels each. */
interface NarrowRows {
  data: Uint8Array;
  height: number;
}

function shrinkRows(
  { data, width, height }: Picture,
  { first, end, offset, slope, share }: Gaps,
  side: number,
  scratch: Scratch,
): NarrowRows {
  const narrow = new Uint8Array(scratch.take('rows', height * side * CHANNELS));
  let at = 0;
  for (let y = 0; y < height; y++) {
    const row = y * width * CHANNELS;
    let red = 0;
    let green = 0;
    let blue = 0;
    for (let gap = 0; gap <= side; gap++) {
      // P and Q of each channel. Whole numbers, and said to be: that is a tenth of the time.
      let redP = 0;
      let greenP = 0;
      let blueP = 0;
      let redQ = 0;
      let greenQ = 0;
      let blueQ = 0;
      const last = row + (end[gap] as number) * CHANNELS;
      for (let from = row + (first[gap] as number) * CHANNELS; from < last; from += CHANNELS) {
        redP = (redP + (data[from] as number)) | 0;
        greenP = (greenP + (data[from + 1] as number)) | 0;
        blueP = (blueP + (data[from + 2] as number)) | 0;
        redQ = (redQ + redP) | 0;
        greenQ = (greenQ + greenP) | 0;
        blueQ = (blueQ + blueP) | 0;
      }
      const redRight = (offset[gap] as number) * redP - redQ * slope;
      const greenRight = (offset[gap] as number) * greenP - greenQ * slope;
      const blueRight = (offset[gap] as number) * blueP - blueQ * slope;
      if (gap > 0) {
        const weight = share[gap - 1] as number;
        narrow[at] = (red + redP - redRight) * weight + 0.5;
        narrow[at + 1] = (green + greenP - greenRight) * weight + 0.5;
        narrow[at + 2] = (blue + blueP - blueRight) * weight + 0.5;
        at += CHANNELS;
      }
      red = redRight;
      green = greenRight;
      blue = blueRight;
    }
  }
  return { data: narrow, height };
}

function shrinkColumns(
  { data }: NarrowRows,
  { first, end, offset, slope, share }: Gaps,
  side: number,
  scratch: Scratch,
): Uint8Array {
  const stride = side * CHANNELS;
  const small = new Uint8Array(scratch.take('small', side * stride), 0, side * stride);
  const [p, q] = [new Int32Array(stride), new Int32Array(stride)];
  const upper = new Float64Array(stride);
  for (let gap = 0; gap <= side; gap++) {
    p.fill(0);
    q.fill(0);
    for (let row = first[gap] as number; row < (end[gap] as number); row++) {
      const from = row * stride;
      for (let i = 0; i < stride; i++) {
        const sum = (p[i] as number) + (data[from + i] as number);
        p[i] = sum;
        q[i] = (q[i] as number) + sum;
      }
    }
    const weight = gap > 0 ? (share[gap - 1] as number) : 0;
    const at = (gap - 1) * stride;
    for (let i = 0; i < stride; i++) {
      const lower = (offset[gap] as number) * (p[i] as number) - (q[i] as number) * slope;
      if (gap > 0) small[at + i] = ((upper[i] as number) + (p[i] as number) - lower) * weight + 0.5;
      upper[i] = lower;
    }
  }
  return small;
}

function writePlanes(data: Uint8Array, out: Float32Array): void {
  const plane = data.length / CHANNELS;
  for (let to = 0, from = 0; to < plane; to++, from += CHANNELS) {
    out[to] = (data[from] as number) / 127.5 - 1;
    out[to + plane] = (data[from + 1] as number) / 127.5 - 1;
    out[to + 2 * plane] = (data[from + 2] as number) / 127.5 - 1;
  }
}
