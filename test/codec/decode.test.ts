import { readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import { decodeBytes, decodePicture } from '#uafer/codec/decode.js';
import { temporaryFolder, testPixels } from '../support/pictures.js';

const WIDTH = 6;
const HEIGHT = 4;
const rgb = testPixels(WIDTH, HEIGHT, 3);
const size = { width: WIDTH, height: HEIGHT };
const source = () => sharp(rgb, { raw: { ...size, channels: 3 } });

/** The picture as a BMP of 24 bits: rows from the bottom, BGR, each filled up to a multiple of 4 bytes. */
function bmp(): Buffer {
  const stride = Math.ceil((WIDTH * 3) / 4) * 4;
  const file = Buffer.alloc(54 + stride * HEIGHT);
  file.write('BM');
  file.writeUInt32LE(file.length, 2);
  file.writeUInt32LE(54, 10);
  file.writeUInt32LE(40, 14);
  file.writeInt32LE(WIDTH, 18);
  file.writeInt32LE(HEIGHT, 22);
  file.writeUInt16LE(1, 26);
  file.writeUInt16LE(24, 28);
  rgb.forEach((value, i) => {
    const pixel = Math.floor(i / 3);
    const row = HEIGHT - 1 - Math.floor(pixel / WIDTH);
    file[54 + row * stride + (pixel % WIDTH) * 3 + (2 - (i % 3))] = value;
  });
  return file;
}

async function decoded(
  name: string,
  make: (file: string) => Promise<unknown>,
): Promise<{ data: number[]; width: number; height: number }> {
  using folder = temporaryFolder();
  const file = join(folder.path, name);
  await make(file);
  const { data, width, height } = await decodePicture(file);
  return { data: [...data], width, height };
}

describe('decodePicture', () => {
  it('gives RGB bytes row by row', async () => {
    expect(await decoded('a.png', (file) => source().png().toFile(file))).toEqual({ data: [...rgb], ...size });
  });

  it('repeats grey', async () => {
    const grey = Uint8Array.from({ length: WIDTH * HEIGHT }, (_, i) => i * 9);
    const { data } = await decoded('a.png', (file) =>
      sharp(grey, { raw: { ...size, channels: 1 } })
        .toColourspace('b-w')
        .png()
        .toFile(file),
    );
    expect(data).toEqual([...grey].flatMap((value) => [value, value, value]));
  });

  it('drops transparency without blending', async () => {
    const { data } = await decoded('a.png', (file) => source().ensureAlpha(0.25).png().toFile(file));
    expect(data).toEqual([...rgb]);
  });

  it('makes 8 bits of 16', async () => {
    const { data } = await decoded('a.png', (file) => source().toColourspace('rgb16').png().toFile(file));
    const worst = Math.max(...data.map((value, i) => Math.abs(value - (rgb[i] as number))));
    expect(worst).toBeLessThanOrEqual(1);
  });

  it('makes RGB of CMYK', async () => {
    const { data, width } = await decoded('a.jpg', (file) => source().toColourspace('cmyk').jpeg().toFile(file));
    expect([width, data.length]).toEqual([WIDTH, rgb.length]);
  });

  it('reads BMP, which sharp does not', async () => {
    const { data } = await decoded('a.bmp', async (file) => writeFileSync(file, bmp()));
    expect(data).toEqual([...rgb]);
  });

  it('names a BMP that is cut off', async () => {
    await expect(decoded('a.bmp', async (file) => writeFileSync(file, bmp().subarray(0, 90)))).rejects.toThrow(
      /a\.bmp cannot be read as a picture/,
    );
  });

  it.each([
    [1, 2 ** 30],
    [2 ** 16, -(2 ** 15)],
    [-5, 4],
  ])('takes no memory for a BMP that claims %s x %s pixels', async (width, height) => {
    const file = bmp();
    file.writeInt32LE(width, 18);
    file.writeInt32LE(height, 22);
    await expect(decoded('a.bmp', async (path) => writeFileSync(path, file))).rejects.toThrow(
      `its header claims ${width} x ${Math.abs(height)} pixels, and 268402689 are the most`,
    );
  });

  it.each(['png', 'jpeg', 'tiff', 'bmp'] as const)('decodes no %s with more pixels than are asked for', async (format) => {
    const bytes = format === 'bmp' ? bmp() : await source().toFormat(format).toBuffer();
    const { width, height } = await decodeBytes(bytes, 'a');
    await expect(decodeBytes(bytes, 'a', { mostPixels: width * height })).resolves.toMatchObject({ width, height });
    await expect(decodeBytes(bytes, 'a', { mostPixels: width * height - 1 })).rejects.toMatchObject({
      code: 'LIMIT',
      message: expect.stringMatching(new RegExp(`^a cannot be read as a picture: it.* ${width * height - 1}.* the most$`)),
    });
  });

  it('gives up after the seconds that are asked for', async () => {
    // Whole in memory before its first row, then a profile: seconds of work, and the least that can be asked for is one.
    const red = { width: 11_000, height: 11_000, channels: 3, background: 'red' } as const;
    const png = { compressionLevel: 1, progressive: true };
    const large = await sharp({ create: red }).withIccProfile('p3').png(png).toBuffer();
    await expect(decodeBytes(large, 'a', { upright: true, seconds: 1 })).rejects.toMatchObject({
      code: 'LIMIT',
      message: 'a cannot be read as a picture: decoding it takes more than 1 s',
    });
  });

  it('turns a photo upright when asked to', async () => {
    using folder = temporaryFolder();
    const file = join(folder.path, 'a.png');
    await source().withMetadata({ orientation: 6 }).png().toFile(file); // to be seen after a quarter turn to the right
    const { data, width, height } = await decodePicture(file, { upright: true });
    expect([width, height]).toEqual([HEIGHT, WIDTH]);
    const lowerLeft = (HEIGHT - 1) * WIDTH * 3;
    expect([...data.subarray(0, 3)]).toEqual([...rgb.subarray(lowerLeft, lowerLeft + 3)]);
  });

  it("converts a photo's colours from another profile than sRGB when asked to, and leaves those of sRGB", async () => {
    const wide = (file: string) => source().withIccProfile('p3').png().toFile(file);
    const shown = async (make: (file: string) => Promise<unknown>, upright: boolean) => {
      using folder = temporaryFolder();
      await make(join(folder.path, 'a.png'));
      return [...(await decodePicture(join(folder.path, 'a.png'), { upright })).data];
    };
    const off = (data: number[]) => Math.max(...data.map((value, i) => Math.abs(value - (rgb[i] as number))));
    expect(off(await shown(wide, true))).toBeLessThanOrEqual(2);
    expect(off(await shown(wide, false))).toBeGreaterThan(4);
    expect(off(await shown((file) => source().withIccProfile('srgb').png().toFile(file), true))).toBe(0);
  });

  it("finds a JPEG's profile behind its other headers", async () => {
    const red = sharp({ create: { width: 16, height: 16, channels: 3, background: { r: 200, g: 40, b: 40 } } });
    const jpeg = (profile: string) =>
      red
        .clone()
        .withExif({ IFD0: { Artist: 'nobody' } })
        .withIccProfile(profile)
        .jpeg({ quality: 100 });
    const first = async (file: Buffer, upright: boolean) => [
      ...(await decodeBytes(file, 'a.jpg', { upright })).data.subarray(0, 3),
    ];
    const wide = await jpeg('p3').toBuffer();
    expect((await first(wide, true))[0]).toBeGreaterThan(190);
    expect((await first(wide, false))[0]).toBeLessThan(190);
    const plain = await jpeg('srgb').toBuffer();
    expect(await first(plain, true)).toEqual(await first(plain, false));
    // Markers may have any number of bytes 0xff before them.
    const filled = Buffer.concat([wide.subarray(0, 2), Buffer.from([0xff, 0xff]), wide.subarray(2)]);
    expect(await first(filled, true)).toEqual(await first(wide, true));
  });

  it("reads a file's bytes as it reads the file", async () => {
    using folder = temporaryFolder();
    const file = join(folder.path, 'a.jpg');
    await source().jpeg().toFile(file);
    expect(await decodeBytes(readFileSync(file), 'a.jpg')).toEqual(await decodePicture(file));
    expect((await decodeBytes(bmp(), 'a.bmp')).width).toBe(WIDTH);
    await expect(decodeBytes(Buffer.from('no picture'), 'zip/a.jpg')).rejects.toThrow(/zip\/a\.jpg cannot be read/);
  });

  it('does not turn a picture by its EXIF orientation, as the original does not', async () => {
    const { width, height } = await decoded('a.jpg', (file) => source().withMetadata({ orientation: 6 }).jpeg().toFile(file));
    expect([width, height]).toEqual([WIDTH, HEIGHT]);
  });

  it.each([
    ['empty', async (file: string) => writeFileSync(file, '')],
    ['no picture', async (file: string) => writeFileSync(file, 'not a picture at all')],
    ['missing', async () => {}],
    [
      'cut off',
      async (file: string) => {
        await sharp(testPixels(200, 200, 1), { raw: { width: 200, height: 200, channels: 3 } })
          .jpeg()
          .toFile(file);
        truncateSync(file, 1500);
      },
    ],
  ])('names a file that is %s', async (_, make) => {
    const message = expect.stringMatching(/face\.jpg cannot be read as a picture: ./);
    await expect(decoded('face.jpg', make)).rejects.toMatchObject({ code: 'IMAGE', message });
  });
});
