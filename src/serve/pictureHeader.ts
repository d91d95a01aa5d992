/** What a picture's first bytes say, before a decoder is let near it. */
import { readJpegHeader } from '../codec/jpeg.js';
import { UaferError } from '../errors.js';

/** The kinds that are read; libvips knows more, some of which name other files or are programs (SVG). */
const SIGNATURES: readonly { name: string; is(bytes: Buffer): boolean }[] = [
  { name: 'JPEG', is: (bytes) => bytes.subarray(0, 3).equals(Buffer.from([0xff, 0xd8, 0xff])) },
  { name: 'PNG', is: (bytes) => bytes.toString('latin1', 0, 8) === '\x89PNG\r\n\x1a\n' },
  { name: 'WebP', is: (bytes) => bytes.toString('latin1', 0, 4) === 'RIFF' && bytes.toString('latin1', 8, 12) === 'WEBP' },
  { name: 'GIF', is: (bytes) => /^GIF8[79]a/.test(bytes.toString('latin1', 0, 6)) },
  { name: 'TIFF', is: (bytes) => ['II*\0', 'MM\0*'].includes(bytes.toString('latin1', 0, 4)) },
  { name: 'AVIF', is: (bytes) => /^ftyp(avif|avis|mif1|msf1)$/.test(bytes.toString('latin1', 4, 12)) },
  { name: 'BMP', is: (bytes) => bytes.toString('latin1', 0, 2) === 'BM' },
];

export const PICTURE_KINDS = SIGNATURES.map(({ name }) => name).join(', ');

/** Throws `IMAGE` for a file of another kind than those that are read. */
export function requirePicture(bytes: Buffer): void {
  if (bytes.length === 0) throw new UaferError('IMAGE', 'The picture cannot be read: it is empty');
  if (SIGNATURES.some(({ is }) => is(bytes))) return;
  throw new UaferError('IMAGE', `The picture cannot be read: it is of none of the kinds ${PICTURE_KINDS}`);
}

/**
 * Width times height, where they are quickly found; null for other kinds. Nothing hangs on it but how much memory is kept for the picture: the
 * decoder has its own limit.
 */
export function claimedPixels(bytes: Buffer): number | null {
  if (bytes.length >= 24 && bytes.toString('latin1', 12, 16) === 'IHDR') return bytes.readUInt32BE(16) * bytes.readUInt32BE(20);
  if (bytes.length >= 10 && bytes.toString('latin1', 0, 4) === 'GIF8') return bytes.readUInt16LE(6) * bytes.readUInt16LE(8);
  const jpeg = readJpegHeader(bytes);
  return jpeg && jpeg.width * jpeg.height;
}
