import type { Picture } from '../image/picture.js';
import { resizePicture } from '../image/resize.js';
import type { Random } from '../random.js';
import { CHANNELS, faceSide, pictureOf } from './pixels.js';

/**
 * The picture of a face so many pixels wide, enlarged to the size that it had.
 *
 * @param pixels of the face's side; a picture that has no more of them stays as it is
 */
export function lowResolution(picture: Picture, pixels: number): Picture {
  const { width, height } = picture;
  const scale = pixels / faceSide(picture);
  if (scale >= 1) return picture;
  const scaled = (side: number) => Math.max(1, Math.round(scale * side));
  return resizePicture(resizePicture(picture, scaled(width), scaled(height), 'bilinear'), width, height, 'bilinear');
}

/**
 * Turned about its middle to one of the two sides, which is drawn; the border is repeated outside.
 *
 * @param degrees 0 changes nothing
 */
export function rotation(picture: Picture, degrees: number, random: Random): Picture {
  const radians = ((random.next() < 0.5 ? 1 : -1) * degrees * Math.PI) / 180;
  const [cos, sin] = [Math.cos(radians), Math.sin(radians)];
  const { width, height } = picture;
  const [middleX, middleY] = [(width - 1) / 2, (height - 1) / 2];
  const out = new Float64Array(width * height * CHANNELS);
  for (let y = 0, at = 0; y < height; y++) {
    for (let x = 0; x < width; x++, at += CHANNELS) {
      const [dx, dy] = [x - middleX, y - middleY];
      sample(picture, middleX + cos * dx + sin * dy, middleY - sin * dx + cos * dy, out, at);
    }
  }
  return pictureOf(out, picture);
}

/** The bilinear value at a place, into three values of `out`. */
function sample({ data, width, height }: Picture, placeX: number, placeY: number, out: Float64Array, at: number): void {
  const x = Math.max(0, Math.min(width - 1, placeX));
  const y = Math.max(0, Math.min(height - 1, placeY));
  const [left, top] = [Math.floor(x), Math.floor(y)];
  const [right, bottom] = [Math.min(width - 1, left + 1), Math.min(height - 1, top + 1)];
  const [shareX, shareY] = [x - left, y - top];
  for (let channel = 0; channel < CHANNELS; channel++) {
    const value = (row: number, column: number) => data[(row * width + column) * CHANNELS + channel] as number;
    const upper = value(top, left) + shareX * (value(top, right) - value(top, left));
    const lower = value(bottom, left) + shareX * (value(bottom, right) - value(bottom, left));
    out[at + channel] = upper + shareY * (lower - upper);
  }
}
