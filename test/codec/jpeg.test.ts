import { readFileSync } from 'node:fs';
import sharp from 'sharp';
import { beforeAll, describe, expect, it } from 'vitest';
import { decodeBytes } from '#uafer/codec/decode.js';
import { decodeSmallJpeg, readJpegHeader } from '#uafer/codec/jpeg.js';

const FACE = new URL('../../examples/faces/basic/Image/aligned_224/Adam_Scott_0001.jpg', import.meta.url);
const face = readFileSync(FACE);
const picture = () => sharp(face);

const KINDS: [string, () => Promise<Buffer>][] = [
  ['colour, as it is found', async () => face],
  ['progressive', () => picture().jpeg({ progressive: true }).toBuffer()],
  ['grey', () => picture().greyscale().jpeg().toBuffer()],
  ['with whole chroma', () => picture().jpeg({ chromaSubsampling: '4:4:4' }).toBuffer()],
  ['of an odd size', () => picture().resize(111, 97).jpeg().toBuffer()],
  ['with a profile and turned', () => picture().withIccProfile('p3').withMetadata({ orientation: 6 }).jpeg().toBuffer()],
];

/** What sharp makes of a file. */
async function bySharp(file: Buffer): Promise<{ data: Buffer; width: number; height: number }> {
  const { data, info } = await sharp(file, { ignoreIcc: true, failOn: 'error' })
    .toColourspace('srgb')
    .raw()
    .toBuffer({ resolveWithObject: true });
  const rgb = info.channels === 1 ? Buffer.from([...data].flatMap((grey) => [grey, grey, grey])) : data;
  return { data: rgb, width: info.width, height: info.height };
}

async function decodedAlone(file: Uint8Array): Promise<Uint8Array | null> {
  const header = readJpegHeader(file);
  return header && decodeSmallJpeg(file, header);
}

describe('readJpegHeader', () => {
  it('says size, components and profile', async () => {
    expect(readJpegHeader(face)).toMatchObject({ width: 224, height: 224, components: 3, profile: undefined });
    const wide = await picture().resize(30, 40, { fit: 'fill' }).withIccProfile('p3').jpeg().toBuffer();
    expect(readJpegHeader(wide)).toMatchObject({ width: 30, height: 40 });
    expect(readJpegHeader(wide)?.profile?.toString('latin1')).toContain('acsp');
    const cmyk = await picture().toColourspace('cmyk').jpeg().toBuffer();
    expect(readJpegHeader(cmyk)?.components).toBe(4);
  });

  it('says nothing of what is no JPEG or ends before its frame, and fails on none', async () => {
    expect(readJpegHeader(await picture().png().toBuffer())).toBeNull();
    for (let length = 0; length < 700; length++) expect(readJpegHeader(face.subarray(0, length))?.width ?? 224).toBe(224);
    expect(readJpegHeader(face.subarray(0, 20))).toBeNull();
  });
});

describe('decodeSmallJpeg', () => {
  let files: [string, Buffer][];
  beforeAll(async () => {
    files = await Promise.all(KINDS.map(async ([name, make]): Promise<[string, Buffer]> => [name, await make()]));
  });

  it("gives sharp's bytes for every kind of file that it decodes", async () => {
    for (const [name, file] of files) {
      const { data } = await bySharp(file);
      const rgb = await decodedAlone(file);
      expect([name, rgb && data.equals(rgb)]).toEqual([name, true]);
    }
  });

  it('decodes several at once, each to its own', async () => {
    const all = await Promise.all(files.map(([, file]) => decodedAlone(file)));
    for (const [i, [, file]] of files.entries()) {
      const alone = Buffer.from((await decodedAlone(file)) as Uint8Array);
      expect(alone.equals(all[i] as Uint8Array)).toBe(true);
    }
  });

  it('leaves large pictures and CMYK to sharp', async () => {
    expect(await decodedAlone(await picture().resize(500, 500).jpeg().toBuffer())).toBeNull();
    expect(await decodedAlone(await picture().toColourspace('cmyk').jpeg().toBuffer())).toBeNull();
  });

  it('leaves damaged files to sharp, which names those that are cut off and mends what it can of others', async () => {
    const cut = face.subarray(0, face.length >> 1);
    const spoilt = Buffer.concat([face.subarray(0, 3000), Buffer.alloc(2000, 0x55), face.subarray(5000)]);
    expect(await decodedAlone(cut)).toBeNull();
    expect(await decodedAlone(spoilt)).toBeNull();
    await expect(decodeBytes(cut, 'cut.jpg')).rejects.toThrow(/cut\.jpg cannot be read as a picture: .*premature end/);
    const mended = await decodeBytes(spoilt, 'spoilt.jpg');
    expect(Buffer.from(mended.data).equals((await bySharp(spoilt)).data)).toBe(true);
    // And the next whole one is decoded as before.
    expect(await decodedAlone(face)).not.toBeNull();
  });
});
