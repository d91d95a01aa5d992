/** Parts of pictures. */
import type { Picture } from './picture.js';

const CHANNELS = 3;

/** A part of a picture, in whole pixels; `right` and `bottom` are the first ones beyond it. */
export interface Region {
  left: number;
  top: number;
  right: number;
  bottom: number;
}

/** A region that lies in the picture, as a picture of its own. */
export function crop(picture: Picture, region: Region): Picture {
  const [width, height] = [region.right - region.left, region.bottom - region.top];
  const data = new Uint8Array(width * height * CHANNELS);
  copyRegion(picture, region, data, width * CHANNELS);
  return { data, width, height };
}

/** Copies a region that lies in the picture to the beginning of `to`, where rows begin `stride` bytes apart. */
export function copyRegion(
  { data, width }: Picture,
  { left, top, right, bottom }: Region,
  to: Uint8Array,
  stride: number,
): void {
  const from = (row: number) => (row * width + left) * CHANNELS;
  const length = (right - left) * CHANNELS;
  // Whole rows without anything between them are one block.
  if (right - left === width && stride === length) to.set(data.subarray(from(top), from(bottom)));
  else for (let row = top; row < bottom; row++) to.set(data.subarray(from(row), from(row) + length), (row - top) * stride);
}
