import { decode as decodeBmp } from 'bmp-ts';
import { UaferError } from '../errors.js';
import type { Picture } from '../image/picture.js';
import { readRegularFile } from '../regularFiles.js';
import { shown } from '../shown.js';
import { reasonOf } from '../systemErrors.js';
import { decodeSmallJpeg, type JpegHeader, readJpegHeader } from './jpeg.js';
import { loadSharp } from './sharp.js';

export interface DecodeOptions {
  /**
   * For photos: turned as the EXIF orientation says, in the colours that an embedded profile says. Left out, neither is applied, as in the
   * original (Pillow's `convert('RGB')`): training and evaluation see the stored rows.
   */
  upright?: boolean;
  /** What the header may claim; more is an error of the code `LIMIT`. When left out 268 million, and more is no picture (`IMAGE`). */
  mostPixels?: number;
  /** Seconds after which decoding is given up, with an error of the code `LIMIT`; none when left out. */
  seconds?: number;
}

/**
 * Decodes a picture file to RGB: every format of sharp's, and BMP. Grey is repeated, transparency dropped, 16 bits become 8, of an
 * animation the first frame is taken.
 *
 * @throws UaferError `IMAGE` naming the file when it is missing, empty, cut off or no picture; `LIMIT` for more than the options allow.
 */
export async function decodePicture(path: string, options: DecodeOptions = {}): Promise<Picture> {
  let bytes: Uint8Array;
  try {
    bytes = await readRegularFile(path, 'picture');
  } catch (cause) {
    throw unreadable(path, cause);
  }
  return decodeBytes(bytes, path, options);
}

/** As `decodePicture`, of a file's bytes; `name` stands in errors. */
export async function decodeBytes(bytes: Uint8Array, name: string, options: DecodeOptions = {}): Promise<Picture> {
  const { upright = false, mostPixels = MOST_PIXELS } = options;
  try {
    const header = readJpegHeader(bytes);
    if (header) requireSize(header, mostPixels);
    const small = header && !upright && (await decodeSmallJpeg(bytes, header));
    if (small) return { data: small, width: header.width, height: header.height };
    return await decodeWithSharp(bytes, options, header).catch((cause) => {
      // sharp knows no BMP, of which AffectNet has a few.
      if (isUnsupported(cause) && isBmp(bytes)) return decodeBmpFile(bytes, mostPixels);
      throw limitOf(cause, options) ?? cause;
    });
  } catch (cause) {
    const limited = cause instanceof BeyondLimit && (options.mostPixels !== undefined || options.seconds !== undefined);
    throw unreadable(name, cause, limited ? 'LIMIT' : 'IMAGE');
  }
}

async function decodeWithSharp(
  bytes: Uint8Array,
  { upright = false, mostPixels = MOST_PIXELS, seconds = 0 }: DecodeOptions,
  header: JpegHeader | null,
): Promise<Picture> {
  const sharp = await loadSharp();
  // sharp takes a twentieth of a photo's whole time to say a JPEG's profile.
  const profile = async () => (header ? header.profile : (await sharp(bytes, { limitInputPixels: mostPixels }).metadata()).icc);
  const ignoreIcc = !upright || isSrgb(await profile());
  const reading = { failOn: 'error', ignoreIcc, autoOrient: upright, limitInputPixels: mostPixels } as const;
  const image = sharp(bytes, reading).timeout({ seconds });
  const { data, info } = await image.removeAlpha().toColourspace('srgb').raw({ depth: 'uchar' }).toBuffer({
    resolveWithObject: true,
  });
  return { data: info.channels === 1 ? repeatGrey(data) : data, width: info.width, height: info.height };
}

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

function decodeBmpFile(bytes: Uint8Array, mostPixels: number): Picture {
  requireBmpSize(bytes, mostPixels);
  const { data, width, height } = decodeBmp(Buffer.from(bytes), { toRGBA: true });
  return { data: withoutAlpha(data), width, height };
}

/** sharp's own limit for the other formats: 268 megapixels. */
const MOST_PIXELS = 0x3fff ** 2;

/** The decoder takes as much memory as the header claims. */
function requireBmpSize(bytes: Uint8Array, mostPixels: number): void {
  const header = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (bytes.length < 26) throw new Error('it is cut off');
  const [width, height] = [header.getInt32(18, true), Math.abs(header.getInt32(22, true))];
  requireSize({ width: width > 0 ? width : Number.POSITIVE_INFINITY, height }, mostPixels, `${width} x ${height}`);
}

class BeyondLimit extends Error {}

function requireSize(
  { width, height }: { width: number; height: number },
  mostPixels: number,
  claimed = `${width} x ${height}`,
): void {
  if (!(width * height <= mostPixels))
    throw new BeyondLimit(`its header claims ${claimed} pixels, and ${mostPixels} are the most`);
}

/** What sharp says when it stops at a limit, in our words; null for anything else. */
function limitOf(cause: unknown, { mostPixels = MOST_PIXELS, seconds }: DecodeOptions): BeyondLimit | null {
  const { message } = cause as Error;
  if (/exceeds pixel limit/.test(message)) return new BeyondLimit(`it has more pixels than ${mostPixels}, which are the most`);
  return /^timeout/.test(message) ? new BeyondLimit(`decoding it takes more than ${seconds} s`) : null;
}

function unreadable(name: string, cause: unknown, code: 'IMAGE' | 'LIMIT' = 'IMAGE'): UaferError {
  const reason = reasonOf(cause)
    .trim()
    .replace(/\s*\n\s*/g, '; ');
  return new UaferError(code, `${shown(name)} cannot be read as a picture: ${shown(reason)}`, { cause });
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
