/** A photo made small and square for a network, with black bars beside it. */
import type { Picture } from './picture.js';
import { resizePicture } from './resize.js';

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
 * Resizes a photo with its bars to side x side as Pillow's `BILINEAR` does, byte for byte. (Less exact, anchors whose score is near the
 * threshold would come and go.) Writes value / 127.5 - 1 to `out`: three planes, red, green, blue.
 */
export function letterbox(picture: Picture, side: number, out: Float32Array): void {
  const { horizontal, vertical } = barsOf(picture);
  const square = Math.max(picture.width, picture.height);
  const [left, top] = [Math.trunc(horizontal * square), Math.trunc(vertical * square)];
  writePlanes(resizePicture(picture, side, side, 'bilinear', { width: square, height: square, left, top }).data, out);
}

function writePlanes(data: Uint8Array, out: Float32Array): void {
  const plane = data.length / CHANNELS;
  for (let to = 0, from = 0; to < plane; to++, from += CHANNELS) {
    out[to] = (data[from] as number) / 127.5 - 1;
    out[to + plane] = (data[from + 1] as number) / 127.5 - 1;
    out[to + 2 * plane] = (data[from + 2] as number) / 127.5 - 1;
  }
}
