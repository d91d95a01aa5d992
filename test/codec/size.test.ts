import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import sharp from 'sharp';
import { expect, it } from 'vitest';
import { decodePicture } from '#uafer/codec/decode.js';
import { pictureSize } from '#uafer/codec/size.js';
import { temporaryFolder, testPixels } from '../support/pictures.js';

/** By a name that is looked up: it belongs to the system. */
const MAKE_PIPE = 'mkfifo';
const picture = (width = 60, height = 40) => sharp(testPixels(width, height, 1), { raw: { width, height, channels: 3 } });

/** An empty BMP of 24 bits, its rows from the bottom or (negative height) from the top. */
function bmp(width: number, height: number): Buffer {
  const bytes = Buffer.alloc(54 + Math.ceil((width * 3) / 4) * 4 * Math.abs(height));
  bytes.write('BM');
  bytes.writeUInt32LE(bytes.length, 2);
  bytes.writeUInt32LE(54, 10);
  bytes.writeUInt32LE(40, 14);
  bytes.writeInt32LE(width, 18);
  bytes.writeInt32LE(height, 22);
  bytes.writeUInt16LE(1, 26);
  bytes.writeUInt16LE(24, 28);
  return bytes;
}

/** A JPEG whose frame stands behind more than 64 KiB of application data. */
async function lateFrame(): Promise<Buffer> {
  const jpeg = await picture().jpeg().toBuffer();
  const segment = Buffer.alloc(2 + 60_000);
  segment.writeUInt16BE(0xffed, 0);
  segment.writeUInt16BE(60_000, 2);
  return Buffer.concat([jpeg.subarray(0, 2), segment, segment, jpeg.subarray(2)]);
}

it.each<[string, () => Promise<Buffer> | Buffer]>([
  ['a JPEG', () => picture().jpeg().toBuffer()],
  ['a JPEG that EXIF would turn', () => picture().jpeg().withMetadata({ orientation: 6 }).toBuffer()],
  ['a JPEG with a late frame', lateFrame],
  ['a PNG', () => picture().png().toBuffer()],
  ['a WebP', () => picture().webp().toBuffer()],
  ['a GIF', () => picture().gif().toBuffer()],
  ['a BMP', () => bmp(60, 40)],
  ['a BMP from the top', () => bmp(60, -40)],
])('%s has the size that decoding finds', async (_, make) => {
  using folder = temporaryFolder();
  const path = join(folder.path, 'picture');
  writeFileSync(path, await make());
  const { width, height } = await decodePicture(path);
  expect({ width, height }).toEqual({ width: 60, height: 40 });
  expect(await pictureSize(path)).toEqual({ width, height });
});

it('names a file that is no picture, or is not there', async () => {
  using folder = temporaryFolder();
  const path = join(folder.path, 'notes.jpg');
  for (const text of ['', 'no picture', 'BM']) {
    writeFileSync(path, text);
    await expect(pictureSize(path)).rejects.toMatchObject({ code: 'IMAGE', message: expect.stringContaining(path) });
  }
  await expect(pictureSize(join(folder.path, 'absent.jpg'))).rejects.toMatchObject({ code: 'IMAGE' });
});

it.skipIf(process.platform === 'win32')('does not wait for a pipe', async () => {
  using folder = temporaryFolder();
  const path = join(folder.path, 'pipe.jpg');
  execFileSync(MAKE_PIPE, [path]);
  await expect(pictureSize(path)).rejects.toThrow(/pipe\.jpg cannot be read as a picture: it is no regular file/);
});
