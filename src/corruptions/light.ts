/** Light and colour: what happens to a pixel depends on its value alone. */
import type { Picture } from '../image/picture.js';
import { LUMA, LUMA_BITS } from '../image/preprocess.js';
import type { Random } from '../random.js';
import { CHANNELS, mapped } from './pixels.js';

/**
 * Every value times a gain: below 1 darkness, above it over-exposure, where what is brighter than white is lost.
 *
 * @param gain 1 changes nothing
 */
export function exposure(picture: Picture, gain: number): Picture {
  return mapped(picture, (value) => gain * value);
}

/**
 * Every value brought nearer to the picture's mean luma.
 *
 * @param share of its distance that is left; 1 changes nothing
 */
export function lowContrast(picture: Picture, share: number): Picture {
  const mean = meanLuma(picture);
  return mapped(picture, (value) => mean + share * (value - mean));
}

/** Mean of the luma (ITU-R BT.601). */
function meanLuma({ data }: Picture): number {
  let sum = 0;
  for (let i = 0; i < data.length; i++) sum += (LUMA[i % CHANNELS] as number) * (data[i] as number);
  return (sum * CHANNELS) / (data.length * 2 ** LUMA_BITS);
}

/**
 * Light of a hue that is drawn: channel c times 1 + strength cos(hue - 2 pi c / 3).
 *
 * @param strength 0 changes nothing
 */
export function colourCast(picture: Picture, strength: number, random: Random): Picture {
  const hue = random.uniform(0, 2 * Math.PI);
  const gains = Array.from({ length: CHANNELS }, (_, c) => 1 + strength * Math.cos(hue - (2 * Math.PI * c) / CHANNELS));
  return mapped(picture, (value, channel) => value * (gains[channel] as number));
}
