/** A picture's size from its header, without decoding. */
import { constants } from 'node:fs';
import { open } from 'node:fs/promises';
import sharp from 'sharp';
import { UaferError } from '../errors.js';
import { readJpegHeader } from './jpeg.js';

/** In pixels, as the rows are stored: EXIF's turning is not applied. */
export interface PictureSize {
  width: number;
  height: number;
}

/** Holds the header of a JPEG with a usual thumbnail and profile. */
const HEAD_BYTES = 64 * 2 ** 10;

/**
 * The size that `decodePicture` will find, from the first bytes of the file where they say it.
 *
 * @throws UaferError `IMAGE` naming the file when it is missing or its header is no picture's. A picture that is cut off later has a size.
 */
export async function pictureSize(path: string): Promise<PictureSize> {
  try {
    const head = await headOf(path);
    const { width, height } = readJpegHeader(head) ?? readBmpHeader(head) ?? (await sharp(path).metadata());
    return { width, height };
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new UaferError('IMAGE', `${path} cannot be read as a picture: ${reason}`, { cause });
  }
}

/** Opened without waiting: a pipe would wait for someone to write to it. */
const READING = constants.O_RDONLY | (constants.O_NONBLOCK ?? 0);

async function headOf(path: string): Promise<Buffer> {
  const file = await open(path, READING);
  try {
    if (!(await file.stat()).isFile()) throw new Error('it is no regular file');
    const { buffer, bytesRead } = await file.read(Buffer.allocUnsafe(HEAD_BYTES), 0, HEAD_BYTES, 0);
    return buffer.subarray(0, bytesRead);
  } finally {
    await file.close();
  }
}

/** sharp knows no BMP. The height is negative where rows stand from the top (BITMAPINFOHEADER). */
function readBmpHeader(bytes: Buffer): PictureSize | null {
  if (bytes.length < 26 || bytes.toString('latin1', 0, 2) !== 'BM') return null;
  return { width: bytes.readInt32LE(18), height: Math.abs(bytes.readInt32LE(22)) };
}
