/** Blur, by lengths in shares of the face's side. */
import type { Picture } from '../image/picture.js';
import type { Random } from '../random.js';
import { CHANNELS, faceSide, pictureOf } from './pixels.js';

/** Beyond so many deviations a Gaussian has less than a thousandth of a byte to give. */
const REACH = 4;

/** @param deviation of the Gaussian, in shares of the face's side; 0 changes nothing */
export function gaussianBlur(picture: Picture, deviation: number): Picture {
  const kernel = gaussian(deviation * faceSide(picture));
  const { data, width, height } = picture;
  const along = convolved(Float64Array.from(data), kernel, {
    lines: height,
    length: width,
    step: CHANNELS,
    next: width * CHANNELS,
  });
  const both = convolved(along, kernel, { lines: width, length: height, step: width * CHANNELS, next: CHANNELS });
  return pictureOf(both, picture);
}

/** Weights from the middle outwards; the whole kernel, both sides of it, sums to 1. */
function gaussian(deviation: number): Float64Array {
  const radius = Math.ceil(REACH * deviation);
  const weights = Float64Array.from({ length: radius + 1 }, (_, x) => (x === 0 ? 1 : Math.exp(-0.5 * (x / deviation) ** 2)));
  const sum = weights.reduce((total, weight, x) => total + (x === 0 ? weight : 2 * weight), 0);
  return weights.map((weight) => weight / sum);
}

interface Lines {
  lines: number;
  /** Pixels of a line, and how far apart their values stand. */
  length: number;
  step: number;
  /** From a line to the next one. */
  next: number;
}

/** Each line with the kernel, its first and last pixel repeated outside. */
function convolved(values: Float64Array, kernel: Float64Array, { lines, length, step, next }: Lines): Float64Array {
  const out = new Float64Array(values.length);
  const at = (line: number, i: number) => line * next + Math.max(0, Math.min(length - 1, i)) * step;
  for (let line = 0; line < lines; line++) {
    for (let i = 0; i < length; i++) {
      const to = at(line, i);
      for (let channel = 0; channel < CHANNELS; channel++) {
        let sum = (kernel[0] as number) * (values[to + channel] as number);
        for (let k = 1; k < kernel.length; k++) {
          const around = (values[at(line, i - k) + channel] as number) + (values[at(line, i + k) + channel] as number);
          sum += (kernel[k] as number) * around;
        }
        out[to + channel] = sum;
      }
    }
  }
  return out;
}

/**
 * The mean along a straight line through each pixel, in a direction that is drawn.
 *
 * @param length of the line, in shares of the face's side; 0 changes nothing
 */
export function motionBlur(picture: Picture, length: number, random: Random): Picture {
  const angle = random.uniform(0, Math.PI);
  const pixels = length * faceSide(picture);
  // Twice as many samples as pixels, the pixel itself among them.
  const half = Math.ceil(pixels);
  const count = 2 * half + 1;
  const { width, height } = picture;
  const out = new Float64Array(width * height * CHANNELS);
  for (let sample = 0; sample < count; sample++) {
    const along = half === 0 ? 0 : (pixels * (sample - half)) / (2 * half);
    addShifted(picture, along * Math.cos(angle), along * Math.sin(angle), 1 / count, out);
  }
  return pictureOf(out, picture);
}

/** Adds the picture's bilinear values at (x + dx, y + dy), times a weight; its border is repeated outside. */
function addShifted({ data, width, height }: Picture, dx: number, dy: number, weight: number, out: Float64Array): void {
  const [columns, rows] = [shiftedPlaces(width, dx), shiftedPlaces(height, dy)];
  for (let y = 0, to = 0; y < height; y++) {
    const row = rows[y] as Place;
    for (let x = 0; x < width; x++) {
      const column = columns[x] as Place;
      const [a, b] = [(row.low * width + column.low) * CHANNELS, (row.low * width + column.high) * CHANNELS];
      const [c, d] = [(row.high * width + column.low) * CHANNELS, (row.high * width + column.high) * CHANNELS];
      for (let channel = 0; channel < CHANNELS; channel++, to++) {
        const upper = mix(data[a + channel] as number, data[b + channel] as number, column.share);
        const lower = mix(data[c + channel] as number, data[d + channel] as number, column.share);
        out[to] = (out[to] as number) + weight * mix(upper, lower, row.share);
      }
    }
  }
}

interface Place {
  low: number;
  high: number;
  /** Of the value at `high`. */
  share: number;
}

function shiftedPlaces(count: number, shift: number): Place[] {
  return Array.from({ length: count }, (_, i) => {
    const place = Math.max(0, Math.min(count - 1, i + shift));
    const low = Math.floor(place);
    return { low, high: Math.min(count - 1, low + 1), share: place - low };
  });
}

const mix = (a: number, b: number, share: number): number => a + share * (b - a);
