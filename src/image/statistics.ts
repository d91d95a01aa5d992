/** Plain facts of a picture of a face, which say why an answer may be worth little. */
import { LUMA, LUMA_BITS } from './preprocess.js';

/** Luma is counted from 0 to 1. */
export interface PictureStatistics {
  /** Mean luma. */
  luminance: number;
  /** Deviation of the luma. */
  contrast: number;
  /** Root mean square of the luma's Laplacian: each pixel less the mean of its four neighbours. */
  sharpness: number;
  /** The face's side in the picture as it came, in pixels. */
  faceSize: number;
}

const CHANNELS = 3;

/**
 * The statistics of a square picture.
 *
 * @param pixels S x S RGB bytes, as a model takes them: so they don't depend on the size of the picture that was given
 * @param faceSize of the picture that was given
 */
export function pictureStatistics(pixels: Uint8Array, faceSize: number): PictureStatistics {
  const side = Math.sqrt(pixels.length / CHANNELS);
  const luma = lumaOf(pixels);
  const luminance = luma.reduce((sum, value) => sum + value, 0) / luma.length;
  const variance = luma.reduce((sum, value) => sum + (value - luminance) ** 2, 0) / luma.length;
  return { luminance, contrast: Math.sqrt(variance), sharpness: Math.sqrt(meanSquaredLaplacian(luma, side)), faceSize };
}

function lumaOf(pixels: Uint8Array): Float64Array {
  const white = 255 * 2 ** LUMA_BITS;
  return Float64Array.from({ length: pixels.length / CHANNELS }, (_, i) => {
    const at = CHANNELS * i;
    const [r, g, b] = [pixels[at] as number, pixels[at + 1] as number, pixels[at + 2] as number];
    return (LUMA[0] * r + LUMA[1] * g + LUMA[2] * b) / white;
  });
}

/** Over the pixels that have four neighbours; 0 where there are none. */
function meanSquaredLaplacian(luma: Float64Array, side: number): number {
  let sum = 0;
  for (let y = 1; y + 1 < side; y++) {
    for (let x = 1; x + 1 < side; x++) {
      const at = y * side + x;
      const around =
        (luma[at - 1] as number) + (luma[at + 1] as number) + (luma[at - side] as number) + (luma[at + side] as number);
      sum += ((luma[at] as number) - around / 4) ** 2;
    }
  }
  return side < 3 ? 0 : sum / (side - 2) ** 2;
}
