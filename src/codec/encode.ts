import { extname } from 'node:path';
import type { Picture } from '../image/picture.js';
import { loadSharp } from './sharp.js';

/** High enough that decoding gives back what was aligned to within a few levels. */
const JPEG_QUALITY = 95;
const JPEG = new Set(['.jpg', '.jpeg']);
const PNG = '.png';

/** A picture file's bytes, of the format that the name's ending says: JPEG with all colours, else PNG. */
export async function encodePicture({ data, width, height }: Picture, name: string): Promise<Uint8Array> {
  const sharp = await loadSharp();
  const image = sharp(data, { raw: { width, height, channels: 3 } });
  const encoded = isJpeg(name) ? image.jpeg({ quality: JPEG_QUALITY, chromaSubsampling: '4:4:4' }) : image.png();
  return encoded.toBuffer();
}

/** The name itself where `encodePicture` writes its format; else with `.png` added, which no other picture can have got. */
export function encodedName(name: string): string {
  return isJpeg(name) || extname(name).toLowerCase() === PNG ? name : `${name}${PNG}`;
}

function isJpeg(name: string): boolean {
  return JPEG.has(extname(name).toLowerCase());
}

/** Enough for a face of a hundred pixels, in two kilobytes. */
const THUMBNAIL_QUALITY = 72;

/** A small JPEG to look at. */
export async function encodeThumbnail({ data, width, height }: Picture): Promise<Uint8Array> {
  const sharp = await loadSharp();
  return sharp(data, { raw: { width, height, channels: 3 } })
    .jpeg({ quality: THUMBNAIL_QUALITY, mozjpeg: true })
    .toBuffer();
}
