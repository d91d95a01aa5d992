/** From a picture to what a model takes. The same numbers belong to a model in training, evaluation and prediction. */
import { UaferError } from '../errors.js';
import { kernels } from '../kernels/kernels.js';
import type { Picture } from './picture.js';
import { resizePicture } from './resize.js';

/** `shorter-bicubic` makes the shorter side S and keeps the aspect (RAF-DB); `square-bilinear` does not keep it (AffectNet). */
export type ResizeRule = 'shorter-bicubic' | 'square-bilinear';

/** `grey` repeats a picture's luma: for models that learned from grey pictures. */
export type Colour = 'rgb' | 'grey';

/** How a model's pictures are made; kept with its weights. */
export interface Preprocessing {
  /** Side S of the model's square input, in pixels. */
  imageSize: number;
  resize: ResizeRule;
  colour: Colour;
  /** Of red, green and blue, in 0..1: taken off, and divided by. */
  mean: readonly [number, number, number];
  deviation: readonly [number, number, number];
}

/** ImageNet's mean and deviation of RGB, which the original normalises by. */
export const IMAGENET = { mean: [0.485, 0.456, 0.406], deviation: [0.229, 0.224, 0.225] } as const;

const CHANNELS = 3;

/**
 * Resizes a picture to S x S RGB bytes.
 *
 * @throws UaferError `DATA` naming the file when it is oblong after `shorter-bicubic` and `centerCrop`, which cuts the middle out, is off.
 */
export function toSquare(
  picture: Picture,
  options: Pick<Preprocessing, 'imageSize' | 'resize' | 'colour'> & { centerCrop: boolean },
  file: string,
): Uint8Array {
  const pixels = squarePixels(picture, options, file);
  return options.colour === 'grey' ? greyed(pixels) : pixels;
}

function squarePixels(
  picture: Picture,
  { imageSize, resize, centerCrop }: Pick<Preprocessing, 'imageSize' | 'resize'> & { centerCrop: boolean },
  file: string,
): Uint8Array {
  if (resize === 'square-bilinear') return resizePicture(picture, imageSize, imageSize, 'bilinear').data;
  const { width, height } = withShorterSide(picture, imageSize);
  if (width !== height && !centerCrop)
    throw new UaferError(
      'DATA',
      `${file} is ${picture.width} x ${picture.height}, so with its shorter side resized to ${imageSize} it is no square and cannot ` +
        'stand in a batch: align the pictures, or cut out their middle with --center-crop',
    );
  return cropCenter(resizePicture(picture, width, height, 'bicubic'), imageSize);
}

/** Whether a picture of this size is oblong once its shorter side is `imageSize`: a pixel more may be lost in rounding. */
export function isOblong(size: Pick<Picture, 'width' | 'height'>, imageSize: number): boolean {
  const { width, height } = withShorterSide(size, imageSize);
  return width !== height;
}

/** As torchvision's Resize rounds: the longer side is cut to a whole number of pixels. */
function withShorterSide({ width, height }: Pick<Picture, 'width' | 'height'>, imageSize: number) {
  const shorter = Math.min(width, height);
  const scaled = (side: number) => (side === shorter ? imageSize : Math.trunc((imageSize * side) / shorter));
  return { width: scaled(width), height: scaled(height) };
}

function cropCenter({ data, width, height }: Picture, size: number): Uint8Array {
  if (width === size && height === size) return data;
  const left = roundHalfEven((width - size) / 2);
  const top = roundHalfEven((height - size) / 2);
  const out = new Uint8Array(size * size * CHANNELS);
  for (let y = 0; y < size; y++) {
    const from = ((top + y) * width + left) * CHANNELS;
    out.set(data.subarray(from, from + size * CHANNELS), y * size * CHANNELS);
  }
  return out;
}

/** Luma of ITU-R BT.601 in 16 fractional bits, as Pillow's `convert('L')` rounds it. */
export const LUMA = [19595, 38470, 7471] as const;
export const LUMA_BITS = 16;

/** Each pixel's luma in all three channels. */
export function greyed(pixels: Uint8Array): Uint8Array {
  const out = new Uint8Array(pixels.length);
  const half = 1 << (LUMA_BITS - 1);
  for (let i = 0; i < pixels.length; i += CHANNELS) {
    const sum = LUMA[0] * (pixels[i] as number) + LUMA[1] * (pixels[i + 1] as number) + LUMA[2] * (pixels[i + 2] as number);
    out.fill((sum + half) >> LUMA_BITS, i, i + CHANNELS);
  }
  return out;
}

/** Python's rounding, which torchvision's CenterCrop uses. */
export function roundHalfEven(value: number): number {
  const rounded = Math.round(value);
  return rounded - value === 0.5 && rounded % 2 !== 0 ? rounded - 1 : rounded;
}

/**
 * Normalised values of RGB bytes, in the steps that fp32 arithmetic takes: divide by 255, subtract the mean, divide by the deviation.
 *
 * @param out three planes, red, green, blue
 */
export function normalize(
  pixels: Uint8Array,
  { mean, deviation }: Pick<Preprocessing, 'mean' | 'deviation'>,
  out: Float32Array,
): void {
  const count = out.length / CHANNELS;
  // Four pixels are made at once, so that a plane may end beyond its last one.
  const plane = Math.ceil(count / 4) * 4 * Float32Array.BYTES_PER_ELEMENT;
  const kernel = kernels(pixels.length, CHANNELS * plane);
  const [source, planes] = kernel.places;
  kernel.bytes.set(pixels, source);
  kernel.normalize(source, count, planes, plane, ...mean, ...deviation);
  for (let channel = 0; channel < CHANNELS; channel++) {
    out.set(new Float32Array(kernel.bytes.buffer, planes + channel * plane, count), channel * count);
  }
}
