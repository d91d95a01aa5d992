/** What JPEG (ITU-T T.81) loses: everything of it but the coding of what is left, which loses nothing. */
import type { Picture } from '../image/picture.js';
import { CHANNELS, faceSide, pictureOf } from './pixels.js';

/** The face is as wide as so many pixels of a JPEG file, however many it has here. */
const STORED = 96;
const BLOCK = 8;

/** Quantisation of luma and chroma (T.81, annex K.1), row by row. */
const LUMA = [
  ...[16, 11, 10, 16, 24, 40, 51, 61, 12, 12, 14, 19, 26, 58, 60, 55, 14, 13, 16, 24, 40, 57, 69, 56],
  ...[14, 17, 22, 29, 51, 87, 80, 62, 18, 22, 37, 56, 68, 109, 103, 77, 24, 35, 55, 64, 81, 104, 113, 92],
  ...[49, 64, 78, 87, 103, 121, 120, 101, 72, 92, 95, 98, 112, 100, 103, 99],
];
const CHROMA = [
  ...[17, 18, 24, 47, 99, 99, 99, 99, 18, 21, 26, 66, 99, 99, 99, 99, 24, 26, 56, 99, 99, 99, 99, 99],
  ...[47, 66, 99, 99, 99, 99, 99, 99, ...new Array(32).fill(99)],
];

/**
 * The picture after compression as JPEG, in blocks of a twelfth of the face's side (those of colours, which JPEG stores at half the
 * resolution, twice as large). A coefficient is rounded to the steps that its frequency has in a block of 8 pixels, so that pictures of any
 * size lose the same; finer ones have the steps of the finest. Of a grey face of 96 pixels it is what libjpeg makes of it, but for rounding.
 *
 * @param quality of libjpeg, from 1 to 100
 */
export function jpeg(picture: Picture, quality: number): Picture {
  const { data, width, height } = picture;
  const count = width * height;
  const block = (BLOCK * faceSide(picture)) / STORED;
  const planes = Array.from({ length: CHANNELS }, () => new Float64Array(count));
  const [y, cb, cr] = planes as [Float64Array, Float64Array, Float64Array];
  for (let i = 0, at = 0; i < count; i++, at += CHANNELS) {
    const [r, g, b] = [data[at] as number, data[at + 1] as number, data[at + 2] as number];
    // Less the level shift of 128, which chroma stands at already.
    y[i] = 0.299 * r + 0.587 * g + 0.114 * b - 128;
    cb[i] = -0.168736 * r - 0.331264 * g + 0.5 * b;
    cr[i] = 0.5 * r - 0.418688 * g - 0.081312 * b;
  }
  quantise(y, width, height, block, tableOf(LUMA, quality));
  for (const plane of [cb, cr]) quantise(plane, width, height, 2 * block, tableOf(CHROMA, quality));
  const values = new Float64Array(count * CHANNELS);
  for (let i = 0, at = 0; i < count; i++, at += CHANNELS) {
    const [luma, blue, red] = [(y[i] as number) + 128, cb[i] as number, cr[i] as number];
    values[at] = luma + 1.402 * red;
    values[at + 1] = luma - 0.344136 * blue - 0.714136 * red;
    values[at + 2] = luma + 1.772 * blue;
  }
  return pictureOf(values, picture);
}

/** The steps of a quality, as libjpeg scales the tables. */
function tableOf(table: readonly number[], quality: number): number[] {
  const scale = quality < 50 ? 5000 / quality : 200 - 2 * quality;
  return table.map((step) => Math.max(1, Math.min(255, Math.floor((step * scale + 50) / 100))));
}

/** Rounds the cosine coefficients of each block of a plane, in place. */
function quantise(plane: Float64Array, width: number, height: number, block: number, table: readonly number[]): void {
  const [columns, rows] = [edges(width, block), edges(height, block)];
  const bases = new Map<number, Float64Array>();
  const basis = (size: number): Float64Array => {
    const known = bases.get(size) ?? cosines(size);
    bases.set(size, known);
    return known;
  };
  for (let j = 0; j + 1 < rows.length; j++) {
    for (let i = 0; i + 1 < columns.length; i++) {
      const [left, top] = [columns[i] as number, rows[j] as number];
      const [across, down] = [(columns[i + 1] as number) - left, (rows[j + 1] as number) - top];
      const place = { at: top * width + left, stride: width, across, down };
      quantiseBlock(plane, place, basis(across), basis(down), table);
    }
  }
}

/** Where blocks begin, in whole pixels, and the end. */
function edges(count: number, block: number): number[] {
  const inner = Array.from({ length: Math.ceil(count / block) }, (_, k) => Math.min(count, Math.round(k * block)));
  return [...new Set([...inner, count])];
}

/** The orthonormal cosines of `size` pixels: `[u * size + x]`. */
function cosines(size: number): Float64Array {
  return Float64Array.from({ length: size * size }, (_, i) => {
    const [u, x] = [Math.floor(i / size), i % size];
    return Math.sqrt((u === 0 ? 1 : 2) / size) * Math.cos((Math.PI * u * (2 * x + 1)) / (2 * size));
  });
}

interface Place {
  /** Of the first pixel. */
  at: number;
  stride: number;
  across: number;
  down: number;
}

function quantiseBlock(
  plane: Float64Array,
  { at, stride, across, down }: Place,
  horizontal: Float64Array,
  vertical: Float64Array,
  table: readonly number[],
): void {
  // A coefficient grows with the block's side in pixels.
  const scale = Math.sqrt(across * down) / BLOCK;
  const half = new Float64Array(across * down);
  const coefficients = new Float64Array(across * down);
  for (let y = 0; y < down; y++) {
    for (let u = 0; u < across; u++) {
      let sum = 0;
      for (let x = 0; x < across; x++) sum += (horizontal[u * across + x] as number) * (plane[at + y * stride + x] as number);
      half[y * across + u] = sum;
    }
  }
  for (let v = 0; v < down; v++) {
    for (let u = 0; u < across; u++) {
      let sum = 0;
      for (let y = 0; y < down; y++) sum += (vertical[v * down + y] as number) * (half[y * across + u] as number);
      const step = scale * (table[Math.min(v, BLOCK - 1) * BLOCK + Math.min(u, BLOCK - 1)] as number);
      coefficients[v * across + u] = Math.round(sum / step) * step;
    }
  }
  half.fill(0);
  for (let v = 0; v < down; v++) {
    for (let u = 0; u < across; u++) {
      const coefficient = coefficients[v * across + u] as number;
      // Most of them are.
      if (coefficient === 0) continue;
      for (let x = 0; x < across; x++) add(half, v * across + x, coefficient * (horizontal[u * across + x] as number));
    }
  }
  for (let y = 0; y < down; y++) {
    for (let x = 0; x < across; x++) {
      let sum = 0;
      for (let v = 0; v < down; v++) sum += (vertical[v * down + y] as number) * (half[v * across + x] as number);
      plane[at + y * stride + x] = sum;
    }
  }
}

function add(values: Float64Array, at: number, value: number): void {
  values[at] = (values[at] as number) + value;
}
