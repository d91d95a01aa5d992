import { UaferError } from '../errors.js';
import { kernels } from '../kernels/kernels.js';
import { affineBilinear, affineNearest, inverseAffine } from './affine.js';
import type { Picture } from './decode.js';
import type { Random } from './random.js';
import { resizePicture } from './resize.js';
import type { DatasetName } from './types.js';

/** ImageNet's mean and deviation of RGB in 0..1, which the original normalises by. */
export const MEAN = [0.485, 0.456, 0.406] as const;
export const DEVIATION = [0.229, 0.224, 0.225] as const;

const CHANNELS = 3;

export interface TransformOptions {
  /** Side S of the model's square input, in pixels. */
  imageSize: number;
  /** `shorter-bicubic` makes the shorter side S and keeps the aspect (RAF-DB); `square-bilinear` does not keep it (AffectNet). */
  resize: 'shorter-bicubic' | 'square-bilinear';
  /** Cuts the middle out of a picture that is oblong after `shorter-bicubic`; without it such a picture is an error. */
  centerCrop: boolean;
  /**
   * `none`: resize only. `flip`: mirror with probability 0.5. `affectnet`: mirror; with probability 0.7 a random affine (20
   * degrees, shift 0.2, scale 0.8 to 1, nearest neighbour, black outside); random erasing. `strong`, for training a small backbone
   * on small faces: mirror, a small smooth affine, brightness and contrast, small random erasing.
   */
  augment: 'none' | 'flip' | 'affectnet' | 'strong';
}

export interface TransformChoice {
  dataset: DatasetName;
  train: boolean;
  /** `default` is the data set's own augmentation, as in the original. */
  augment: 'default' | 'none' | 'strong';
  imageSize: number;
  centerCrop: boolean;
}

/** The transform of a data set's training or test pictures; test pictures are only resized. */
export function transformFor({ dataset, train, augment, imageSize, centerCrop }: TransformChoice): TransformOptions {
  const affectnet = dataset === 'affectnet' || dataset === 'affectnet_8';
  const own = affectnet ? 'affectnet' : 'flip';
  const chosen = augment === 'default' ? own : augment;
  return {
    imageSize,
    resize: affectnet ? 'square-bilinear' : 'shorter-bicubic',
    centerCrop,
    augment: train ? chosen : 'none',
  };
}

/**
 * The part of a transform that is the same in every epoch: resizes a picture to S x S RGB bytes.
 *
 * @throws UaferError `DATA` naming the file when it is oblong and `centerCrop` is off.
 */
export function toSquare(picture: Picture, { imageSize, resize, centerCrop }: TransformOptions, file: string): Uint8Array {
  if (resize === 'square-bilinear') return resizePicture(picture, imageSize, imageSize, 'bilinear').data;
  const shorter = Math.min(picture.width, picture.height);
  // As torchvision's Resize rounds: the longer side is cut to a whole number of pixels.
  const scaled = (side: number) => (side === shorter ? imageSize : Math.trunc((imageSize * side) / shorter));
  const width = scaled(picture.width);
  const height = scaled(picture.height);
  if (width !== height && !centerCrop)
    throw new UaferError(
      'DATA',
      `${file} is ${picture.width} x ${picture.height}, so with its shorter side resized to ${imageSize} it is no square and cannot ` +
        'stand in a batch: align the pictures, or cut out their middle with --center-crop',
    );
  return cropCenter(resizePicture(picture, width, height, 'bicubic'), imageSize);
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

/** Python's rounding, which torchvision's CenterCrop uses. */
function roundHalfEven(value: number): number {
  const rounded = Math.round(value);
  return rounded - value === 0.5 && rounded % 2 !== 0 ? rounded - 1 : rounded;
}

/**
 * The part that differs from epoch to epoch: augments and normalises S x S RGB bytes (left as they are) into `out`, three planes of
 * S x S values. The numbers drawn from `random` decide everything.
 */
export function writeTensor(
  pixels: Uint8Array,
  { imageSize, augment }: TransformOptions,
  random: Random,
  out: Float32Array,
): void {
  switch (augment) {
    case 'none':
      normalize(pixels, out);
      return;
    case 'flip':
      normalize(maybeMirror(pixels, imageSize, random), out);
      return;
    case 'affectnet':
      normalize(maybeAffine(maybeMirror(pixels, imageSize, random), imageSize, random), out);
      maybeErase(out, imageSize, random, { probability: 0.5, area: [0.02, 0.33], ratio: [0.3, 3.3] });
      return;
    case 'strong':
      smoothJitter(maybeMirror(pixels, imageSize, random), imageSize, random, out);
      maybeErase(out, imageSize, random, { probability: 0.25, area: [0.02, 0.2], ratio: [0.3, 3.3] });
      return;
  }
}

/** Normalised values, in the steps that fp32 arithmetic takes: divide by 255, subtract the mean, divide by the deviation. */
function normalize(pixels: Uint8Array, out: Float32Array): void {
  const count = out.length / CHANNELS;
  // Four pixels are made at once, so that a plane may end beyond its last one.
  const plane = Math.ceil(count / 4) * 4 * Float32Array.BYTES_PER_ELEMENT;
  const kernel = kernels(pixels.length, CHANNELS * plane);
  const [source, planes] = kernel.places;
  kernel.bytes.set(pixels, source);
  kernel.normalize(source, count, planes, plane, ...MEAN, ...DEVIATION);
  for (let channel = 0; channel < CHANNELS; channel++) {
    out.set(new Float32Array(kernel.bytes.buffer, planes + channel * plane, count), channel * count);
  }
}

function maybeMirror(pixels: Uint8Array, size: number, random: Random): Uint8Array {
  if (random.next() >= 0.5) return pixels;
  const out = new Uint8Array(pixels.length);
  const stride = size * CHANNELS;
  for (let row = 0; row < pixels.length; row += stride) {
    for (let from = row, to = row + stride - CHANNELS; from < row + stride; from += CHANNELS, to -= CHANNELS) {
      out[to] = pixels[from] as number;
      out[to + 1] = pixels[from + 1] as number;
      out[to + 2] = pixels[from + 2] as number;
    }
  }
  return out;
}

function maybeAffine(pixels: Uint8Array, size: number, random: Random): Uint8Array {
  if (random.next() >= 0.7) return pixels;
  const angle = random.uniform(-20, 20);
  const shift = () => roundHalfEven(random.uniform(-0.2 * size, 0.2 * size));
  const matrix = inverseAffine({ angle, shift: [shift(), shift()], scale: random.uniform(0.8, 1) }, size);
  return affineNearest(pixels, size, matrix);
}

/** Rotation of up to 15 degrees, shift of 0.08, scale of 0.88 to 1.12; brightness and contrast by up to a quarter; normalised. */
function smoothJitter(pixels: Uint8Array, size: number, random: Random, out: Float32Array): void {
  const angle = random.uniform(-15, 15);
  const shift = () => random.uniform(-0.08 * size, 0.08 * size);
  const matrix = inverseAffine({ angle, shift: [shift(), shift()], scale: random.uniform(0.88, 1.12) }, size);
  const brightness = random.uniform(0.75, 1.25);
  const contrast = random.uniform(0.75, 1.25);
  const gain = brightness * contrast;
  const offset = (1 - contrast) * brightness * meanGrey(pixels);
  affineBilinear(pixels, size, matrix, out);
  const plane = size * size;
  for (let channel = 0; channel < CHANNELS; channel++) {
    const scale = 1 / (255 * (DEVIATION[channel] as number));
    const bias = (MEAN[channel] as number) / (DEVIATION[channel] as number);
    for (let i = channel * plane; i < (channel + 1) * plane; i++) {
      const byte = Math.min(255, Math.max(0, (out[i] as number) * gain + offset));
      out[i] = byte * scale - bias;
    }
  }
}

/** Mean luma (ITU-R BT.601), about which the contrast changes. */
function meanGrey(pixels: Uint8Array): number {
  let sum = 0;
  for (let i = 0; i < pixels.length; i += CHANNELS)
    sum += 0.299 * (pixels[i] as number) + 0.587 * (pixels[i + 1] as number) + 0.114 * (pixels[i + 2] as number);
  return (sum * CHANNELS) / pixels.length;
}

interface Erasing {
  probability: number;
  /** Share of the picture. */
  area: readonly [number, number];
  /** Height over width. */
  ratio: readonly [number, number];
}

const ERASING_TRIES = 10;

/** Random erasing (Zhong et al. 2020) as torchvision draws it: a rectangle of a normalised picture becomes 0, the mean colour. */
function maybeErase(out: Float32Array, size: number, random: Random, { probability, area, ratio }: Erasing): void {
  if (random.next() >= probability) return;
  for (let tries = 0; tries < ERASING_TRIES; tries++) {
    const erased = size * size * random.uniform(...area);
    const aspect = Math.exp(random.uniform(Math.log(ratio[0]), Math.log(ratio[1])));
    const height = roundHalfEven(Math.sqrt(erased * aspect));
    const width = roundHalfEven(Math.sqrt(erased / aspect));
    if (height >= size || width >= size) continue;
    const top = random.integer(size - height + 1);
    const left = random.integer(size - width + 1);
    for (let channel = 0; channel < CHANNELS; channel++) {
      for (let y = top; y < top + height; y++) {
        const row = (channel * size + y) * size + left;
        out.fill(0, row, row + width);
      }
    }
    return;
  }
}
