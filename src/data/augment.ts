/** What training does to a picture beyond its preprocessing, anew in every epoch. */
import { type AffineMatrix, affineBilinear, affineNearest, inverseAffine } from '../image/affine.js';
import { normalize, type Preprocessing, roundHalfEven } from '../image/preprocess.js';
import { resizePicture } from '../image/resize.js';
import type { Random } from '../random.js';

const CHANNELS = 3;

/**
 * `none`: nothing. `flip`: mirror with probability 0.5. `affectnet`: mirror; with probability 0.7 a random affine (20 degrees, shift 0.2,
 * scale 0.8 to 1, nearest neighbour, black outside); random erasing. `strong`, for training a small backbone on small faces: mirror, a small
 * smooth affine, brightness and contrast, small random erasing. `soft`, for training on small faces that are enlarged beside sharp ones:
 * with probability 0.5 as soft as a face of 40 to 80 pixels, then as `strong`, with more erasing.
 */
export type Augmentation = 'none' | 'flip' | 'affectnet' | 'strong' | 'soft';

/** Everything that decides a batch's values beside the pictures and the random numbers. */
export interface TransformOptions extends Preprocessing {
  /** Cuts the middle out of a picture that is oblong after `shorter-bicubic`; without it such a picture is an error. */
  centerCrop: boolean;
  augment: Augmentation;
}

/**
 * The part that differs from epoch to epoch: augments and normalises S x S RGB bytes (left as they are) into `out`, three planes of
 * S x S values. The numbers drawn from `random` decide everything.
 */
export function writeTensor(pixels: Uint8Array, options: TransformOptions, random: Random, out: Float32Array): void {
  const { imageSize, augment } = options;
  switch (augment) {
    case 'none':
    case 'flip':
    case 'affectnet':
      writeChanged(pixels, options, drawChanges(augment, imageSize, random), out);
      return;
    case 'strong':
      smoothJitter(maybeMirror(pixels, imageSize, random), options, random, out);
      maybeErase(out, imageSize, random, { probability: 0.25, area: [0.02, 0.2], ratio: [0.3, 3.3] });
      return;
    case 'soft':
      smoothJitter(maybeSoften(maybeMirror(pixels, imageSize, random), imageSize, random), options, random, out);
      maybeErase(out, imageSize, random, { probability: 0.35, area: [0.02, 0.2], ratio: [0.3, 3.3] });
      return;
  }
}

/** Augmentations whose changes can be said without looking at the picture, so that anyone can make them (`src/task/pictures.ts`). */
const SAID_AHEAD = ['none', 'flip', 'affectnet'] as const satisfies Augmentation[];
type SaidAhead = (typeof SAID_AHEAD)[number];

export function isSaidAhead(augment: Augmentation): augment is SaidAhead {
  return (SAID_AHEAD as readonly Augmentation[]).includes(augment);
}

/** How many pictures it makes of one, as it is and mirrored where there are two; what was computed of them serves again. */
export function variantsOf(augment: Augmentation): number {
  return { none: 1, flip: 2 }[augment as string] ?? Number.POSITIVE_INFINITY;
}

/** What is done to a picture, in this order. */
export interface Changes {
  /** Left and right change places. */
  mirrored: boolean;
  /** Nearest neighbour, black outside. */
  affine: AffineMatrix | null;
  /** After normalising, this part becomes 0. */
  erased: Rectangle | null;
}

/** In pixels. */
interface Rectangle {
  top: number;
  left: number;
  height: number;
  width: number;
}

/** Draws what is done to a picture of `size` x `size`. */
export function drawChanges(augment: SaidAhead, size: number, random: Random): Changes {
  return {
    mirrored: augment !== 'none' && random.next() < 0.5,
    affine: augment === 'affectnet' ? drawAffine(size, random) : null,
    erased:
      augment === 'affectnet' ? drawErased(size, random, { probability: 0.5, area: [0.02, 0.33], ratio: [0.3, 3.3] }) : null,
  };
}

/** As `writeTensor`, of changes that were drawn. */
export function writeChanged(
  pixels: Uint8Array,
  options: TransformOptions,
  { mirrored, affine, erased }: Changes,
  out: Float32Array,
): void {
  const { imageSize } = options;
  const turned = mirrored ? mirror(pixels, imageSize) : pixels;
  normalize(affine ? affineNearest(turned, imageSize, affine) : turned, options, out);
  if (erased) erase(out, imageSize, erased);
}

function maybeMirror(pixels: Uint8Array, size: number, random: Random): Uint8Array {
  return random.next() < 0.5 ? mirror(pixels, size) : pixels;
}

function mirror(pixels: Uint8Array, size: number): Uint8Array {
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

/** Faces of so many pixels are enlarged to the model's size. */
const SMALL_FACES = { from: 40, to: 80 };

/** Resizes to a random smaller side and back. */
function maybeSoften(pixels: Uint8Array, size: number, random: Random): Uint8Array {
  if (random.next() >= 0.5) return pixels;
  const side = SMALL_FACES.from + random.integer(SMALL_FACES.to - SMALL_FACES.from + 1);
  if (side >= size) return pixels;
  const small = resizePicture({ data: pixels, width: size, height: size }, side, side, 'bicubic');
  return resizePicture(small, size, size, 'bicubic').data;
}

function drawAffine(size: number, random: Random): AffineMatrix | null {
  if (random.next() >= 0.7) return null;
  const angle = random.uniform(-20, 20);
  const shift = () => roundHalfEven(random.uniform(-0.2 * size, 0.2 * size));
  return inverseAffine({ angle, shift: [shift(), shift()], scale: random.uniform(0.8, 1) }, size);
}

/** Rotation of up to 15 degrees, shift of 0.08, scale of 0.88 to 1.12; brightness and contrast by up to a quarter; normalised. */
function smoothJitter(
  pixels: Uint8Array,
  { imageSize: size, mean, deviation }: Preprocessing,
  random: Random,
  out: Float32Array,
): void {
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
    const scale = 1 / (255 * (deviation[channel] as number));
    const bias = (mean[channel] as number) / (deviation[channel] as number);
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
function maybeErase(out: Float32Array, size: number, random: Random, erasing: Erasing): void {
  const erased = drawErased(size, random, erasing);
  if (erased) erase(out, size, erased);
}

function drawErased(size: number, random: Random, { probability, area, ratio }: Erasing): Rectangle | null {
  if (random.next() >= probability) return null;
  for (let tries = 0; tries < ERASING_TRIES; tries++) {
    const erased = size * size * random.uniform(...area);
    const aspect = Math.exp(random.uniform(Math.log(ratio[0]), Math.log(ratio[1])));
    const height = roundHalfEven(Math.sqrt(erased * aspect));
    const width = roundHalfEven(Math.sqrt(erased / aspect));
    if (height >= size || width >= size) continue;
    const top = random.integer(size - height + 1);
    return { top, left: random.integer(size - width + 1), height, width };
  }
  return null;
}

function erase(out: Float32Array, size: number, { top, left, height, width }: Rectangle): void {
  for (let channel = 0; channel < CHANNELS; channel++) {
    for (let y = top; y < top + height; y++) {
      const row = (channel * size + y) * size + left;
      out.fill(0, row, row + width);
    }
  }
}
