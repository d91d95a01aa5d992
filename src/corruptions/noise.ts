import type { Picture } from '../image/picture.js';
import type { Random } from '../random.js';
import { CHANNELS, type Coverage, coverage, faceSide, pictureOf } from './pixels.js';

/** Grains across the face: noise that is finer would vanish when a large picture is made small. */
const GRAINS = 48;

/**
 * Gaussian noise, the same in all channels, in grains of a 48th of the face's side; a pixel that covers several of them has their mean.
 *
 * @param deviation of a grain, in shares of white; 0 changes nothing
 */
export function gaussianNoise(picture: Picture, deviation: number, random: Random): Picture {
  const { data, width, height } = picture;
  const grains = (pixels: number) => Math.round((pixels * GRAINS) / faceSide(picture));
  const [across, down] = [grains(width), grains(height)];
  const noise = Float64Array.from({ length: across * down }, () => normal(random));
  const [columns, rows] = [coverage(width, across), coverage(height, down)];
  const values = Float64Array.from(data);
  for (let y = 0, at = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const added = 255 * deviation * mean(noise, across, columns[x] as Coverage, rows[y] as Coverage);
      for (let channel = 0; channel < CHANNELS; channel++, at++) values[at] = (values[at] as number) + added;
    }
  }
  return pictureOf(values, picture);
}

function mean(noise: Float64Array, across: number, column: Coverage, row: Coverage): number {
  let sum = 0;
  for (const [k, share] of row.shares.entries()) {
    for (const [j, part] of column.shares.entries())
      sum += share * part * (noise[(row.first + k) * across + column.first + j] as number);
  }
  return sum;
}

/** A normal deviate (Box and Muller 1958), from two numbers. */
function normal(random: Random): number {
  const radius = Math.sqrt(-2 * Math.log(1 - random.next()));
  return radius * Math.cos(2 * Math.PI * random.next());
}
