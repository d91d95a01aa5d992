import { readFile } from 'node:fs/promises';
import { decode as decodeBmp } from 'bmp-ts';
import sharp from 'sharp';
import { UaferError } from '../errors.js';

/** A picture as RGB bytes, row by row: `data[(y * width + x) * 3 + channel]`. */
export interface Picture {
  data: Uint8Array;
  width: number;
  height: number;
}

export interface DecodeOptions {
  /**
   * For photos: turned as the EXIF orientation says, in the colours that an embedded profile says. Left out, neither is applied, as in the
   * original (Pillow's `convert('RGB')`): training and evaluation see the stored rows.
   */
  upright?: boolean;
}

// Pictures are small and many are decoded at once: one thread each, and no cache of libvips' own beside ours.
sharp.concurrency(1);
sharp.cache(false);

/**
 * Decodes a picture file to RGB: every format of sharp's, and BMP. Grey is repeated, transparency dropped, 16 bits become 8, of an
 * animation the first frame is taken.
 *
 * @throws UaferError `IMAGE` naming the file when it is missing, empty, cut off or no picture.
 */
export async function decodePicture(path: string, options: DecodeOptions = {}): Promise<Picture> {
  let bytes: Uint8Array;
  try {
    bytes = await readFile(path);
  } catch (cause) {
    throw unreadable(path, cause);
  }
  return decodeBytes(bytes, path, options);
}

/** As `decodePicture`, of a file's bytes; `name` stands in errors. */
export async function decodeBytes(bytes: Uint8Array, name: string, options: DecodeOptions = {}): Promise<Picture> {
  try {
    return await decodeWithSharp(bytes, options);
  } catch (cause) {
    // sharp knows no BMP, of which AffectNet has a few.
    if (isUnsupported(cause) && isBmp(bytes)) return decodeBmpFile(bytes, name);
    throw unreadable(name, cause);
  }
}

async function decodeWithSharp(bytes: Uint8Array, { upright = false }: DecodeOptions): Promise<Picture> {
  const ignoreIcc = !upright || isSrgb(await profileOf(bytes));
  const image = sharp(bytes, { failOn: 'error', ignoreIcc, autoOrient: upright });
  const { data, info } = await image.removeAlpha().toColourspace('srgb').raw({ depth: 'uchar' }).toBuffer({
    resolveWithObject: true,
  });
  return { data: info.channels === 1 ? repeatGrey(data) : data, width: info.width, height: info.height };
}

/** The embedded colour profile. sharp takes a twentieth of a photo's whole time to say it of a JPEG, so that is looked for here. */
async function profileOf(bytes: Uint8Array): Promise<Buffer | undefined> {
  const isJpeg = bytes[0] === 0xff && bytes[1] === 0xd8;
  return isJpeg
    ? jpegProfile(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength))
    : (await sharp(bytes).metadata()).icc;
}

/** The first part of a JPEG's profile (ICC.1:2022, B.4), which holds its tags' table and, in all but huge ones, its description. */
function jpegProfile(file: Buffer): Buffer | undefined {
  const signature = 'ICC_PROFILE\0';
  for (let at = 2; at + 4 <= file.length && file[at] === 0xff; at += 2 + file.readUInt16BE(at + 2)) {
    // Any number of fill bytes may stand before a marker.
    while (file[at + 1] === 0xff && at + 5 <= file.length) at++;
    const marker = file[at + 1] as number;
    if (marker === START_OF_SCAN) return undefined;
    const start = at + 4;
    const isProfile = marker === APPLICATION_2 && file.toString('latin1', start, start + signature.length) === signature;
    // Behind the signature: number of this part, number of parts.
    if (isProfile) return file.subarray(start + signature.length + 2, at + 2 + file.readUInt16BE(at + 2));
  }
  return undefined;
}

/** JPEG's markers (ITU-T T.81, table B.1). */
const START_OF_SCAN = 0xda;
const APPLICATION_2 = 0xe2;

/** Whether a profile changes nothing, by what it calls itself: applying it takes longer than to decode the photo. */
function isSrgb(profile: Buffer | undefined): boolean {
  if (profile === undefined) return true;
  const tags = profile.length > ICC_TAGS ? profile.readUInt32BE(ICC_TAGS) : 0;
  for (let at = ICC_TAGS + 4, i = 0; i < tags && at + 12 <= profile.length; i++, at += 12) {
    if (profile.toString('latin1', at, at + 4) !== 'desc') continue;
    const start = profile.readUInt32BE(at + 4);
    // Version 4 writes two bytes a letter.
    return profile
      .toString('latin1', start, start + profile.readUInt32BE(at + 8))
      .replaceAll('\0', '')
      .includes('sRGB');
  }
  return false;
}

/** Where an ICC profile counts its tags: behind the header (ICC.1:2022, 7.3). */
const ICC_TAGS = 128;

function isUnsupported(cause: unknown): boolean {
  return cause instanceof Error && /unsupported image format/.test(cause.message);
}

function isBmp(bytes: Uint8Array): boolean {
  return bytes[0] === 0x42 && bytes[1] === 0x4d; // BM
}

function decodeBmpFile(bytes: Uint8Array, name: string): Picture {
  try {
    const { data, width, height } = decodeBmp(Buffer.from(bytes), { toRGBA: true });
    return { data: withoutAlpha(data), width, height };
  } catch (cause) {
    throw unreadable(name, cause);
  }
}

function unreadable(name: string, cause: unknown): UaferError {
  const reason = cause instanceof Error ? cause.message : String(cause);
  return new UaferError('IMAGE', `${name} cannot be read as a picture: ${reason}`, { cause });
}

function repeatGrey(grey: Uint8Array): Uint8Array {
  const rgb = new Uint8Array(grey.length * 3);
  for (let i = 0, to = 0; i < grey.length; i++, to += 3) {
    const value = grey[i] as number;
    rgb[to] = value;
    rgb[to + 1] = value;
    rgb[to + 2] = value;
  }
  return rgb;
}

function withoutAlpha(rgba: Uint8Array): Uint8Array {
  const rgb = new Uint8Array((rgba.length / 4) * 3);
  for (let from = 0, to = 0; from < rgba.length; from += 4, to += 3) {
    rgb[to] = rgba[from] as number;
    rgb[to + 1] = rgba[from + 1] as number;
    rgb[to + 2] = rgba[from + 2] as number;
  }
  return rgb;
}
