/** Maps an output position to its source: x' = a x + b y + c, y' = d x + e y + f. */
export type AffineMatrix = readonly [a: number, b: number, c: number, d: number, e: number, f: number];

export interface AffineParameters {
  /** Clockwise on the screen, in degrees. */
  angle: number;
  /** In pixels, to the right and downwards. */
  shift: readonly [number, number];
  scale: number;
}

const CHANNELS = 3;

/** The inverse of: rotate and scale about the centre of a `size` x `size` picture, then shift (torchvision's `RandomAffine`). */
export function inverseAffine({ angle, shift: [shiftX, shiftY], scale }: AffineParameters, size: number): AffineMatrix {
  const center = size / 2;
  const radians = (angle * Math.PI) / 180;
  const cos = Math.cos(radians) / scale;
  const sin = Math.sin(radians) / scale;
  const x = -center - shiftX;
  const y = -center - shiftY;
  return [cos, sin, cos * x + sin * y + center, -sin, cos, -sin * x + cos * y + center];
}

/** Whole numbers in 16.16 fixed point: the source of output pixel (x, y) is start + x step + y row, of which the fraction is cut off. */
export interface FixedAffine {
  startX: number;
  stepX: number;
  rowX: number;
  startY: number;
  stepY: number;
  rowY: number;
}

/** As Pillow's `transform(AFFINE, NEAREST)` rounds a matrix. */
export function fixedAffine([a, b, c, d, e, f]: AffineMatrix): FixedAffine {
  return {
    ...{ startX: fixed(c + a * 0.5 + b * 0.5), stepX: fixed(a), rowX: fixed(b) },
    ...{ startY: fixed(f + d * 0.5 + e * 0.5), stepY: fixed(d), rowY: fixed(e) },
  };
}

/**
 * Nearest-neighbour affine of a square RGB picture, black outside, in fixed point as Pillow's `transform(AFFINE, NEAREST)` computes it, so
 * that the original's pixels come out.
 */
export function affineNearest(pixels: Uint8Array, size: number, matrix: AffineMatrix): Uint8Array {
  const { stepX, rowX, stepY, rowY, ...start } = fixedAffine(matrix);
  let { startX, startY } = start;
  const out = new Uint8Array(pixels.length);
  let at = 0;
  for (let y = 0; y < size; y++) {
    let sourceX = startX;
    let sourceY = startY;
    for (let x = 0; x < size; x++, at += CHANNELS) {
      const column = sourceX >> 16;
      const row = sourceY >> 16;
      if (column >= 0 && column < size && row >= 0 && row < size) {
        const from = (row * size + column) * CHANNELS;
        out[at] = pixels[from] as number;
        out[at + 1] = pixels[from + 1] as number;
        out[at + 2] = pixels[from + 2] as number;
      }
      sourceX += stepX;
      sourceY += stepY;
    }
    startX += rowX;
    startY += rowY;
  }
  return out;
}

const fixed = (value: number): number => Math.floor(value * 65536 + 0.5);

/**
 * Bilinear affine of a square RGB picture, its border repeated outside.
 *
 * @param out (3, size, size): the sampled values, 0 to 255.
 */
export function affineBilinear(pixels: Uint8Array, size: number, [a, b, c, d, e, f]: AffineMatrix, out: Float32Array): void {
  const last = size - 1;
  const plane = size * size;
  for (let y = 0, at = 0; y < size; y++) {
    for (let x = 0; x < size; x++, at++) {
      const sourceX = clamp(a * (x + 0.5) + b * (y + 0.5) + c - 0.5, last);
      const sourceY = clamp(d * (x + 0.5) + e * (y + 0.5) + f - 0.5, last);
      const left = Math.floor(sourceX);
      const top = Math.floor(sourceY);
      const fx = sourceX - left;
      const fy = sourceY - top;
      const toRight = left < last ? CHANNELS : 0;
      const below = top < last ? size * CHANNELS : 0;
      for (let channel = 0, from = (top * size + left) * CHANNELS; channel < CHANNELS; channel++, from++) {
        const p00 = pixels[from] as number;
        const p01 = pixels[from + below] as number;
        const upper = p00 + fx * ((pixels[from + toRight] as number) - p00);
        const lower = p01 + fx * ((pixels[from + below + toRight] as number) - p01);
        out[channel * plane + at] = upper + fy * (lower - upper);
      }
    }
  }
}

const clamp = (value: number, last: number): number => Math.max(0, Math.min(value, last));
