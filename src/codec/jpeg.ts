/** JPEG files: what their headers say, and the decoding of small ones. */
import { createRequire } from 'node:module';

/** What stands before a JPEG's pixels. */
export interface JpegHeader {
  width: number;
  height: number;
  /** 1 for grey, 3 for colour, 4 for CMYK. */
  components: number;
  /** The embedded colour profile; of one in several parts the first, which holds its tags' table and, in all but huge ones, its description. */
  profile?: Buffer;
}

/** JPEG's markers (ITU-T T.81, table B.1): frames of baseline, extended and progressive Huffman coding. */
const FRAMES = [0xc0, 0xc1, 0xc2];
const START_OF_SCAN = 0xda;
const APPLICATION_2 = 0xe2;
/** Before a part of a profile (ICC.1:2022, B.4); behind it come the part's number and the number of parts. */
const PROFILE_SIGNATURE = 'ICC_PROFILE\0';

/** Reads a file's header; null when it is no JPEG or one of a rare kind. */
export function readJpegHeader(bytes: Uint8Array): JpegHeader | null {
  if (bytes[0] !== 0xff || bytes[1] !== 0xd8) return null;
  const file = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let frame: Omit<JpegHeader, 'profile'> | null = null;
  let profile: Buffer | undefined;
  for (let at = 2; at + 4 <= file.length && file[at] === 0xff; at += 2 + file.readUInt16BE(at + 2)) {
    // Any number of fill bytes may stand before a marker.
    while (file[at + 1] === 0xff && at + 5 <= file.length) at++;
    const marker = file[at + 1] as number;
    if (marker === START_OF_SCAN) break;
    const content = file.subarray(at + 4, at + 2 + file.readUInt16BE(at + 2));
    if (FRAMES.includes(marker) && content.length >= 6) {
      frame = { height: content.readUInt16BE(1), width: content.readUInt16BE(3), components: content[5] as number };
    } else if (marker === APPLICATION_2 && content.toString('latin1', 0, PROFILE_SIGNATURE.length) === PROFILE_SIGNATURE) {
      profile ??= content.subarray(PROFILE_SIGNATURE.length + 2);
    }
  }
  return frame && { ...frame, profile };
}

/** sharp sets two threads to work for each picture, which for a small one takes longer than to decode it. */
const SMALL_PIXELS = 400 * 400;

interface Codec {
  JPEGDecoder: new () => {
    getEncodedBuffer(length: number): Uint8Array;
    decode(): void;
    /** A view of its memory, valid until it is used again. */
    getDecodedBuffer(): Uint8ClampedArray;
  };
}

let codec: Promise<InstanceType<Codec['JPEGDecoder']>> | undefined;

/**
 * RGB bytes of a small grey or colour JPEG, the same as sharp's and Pillow's, by libjpeg-turbo on WebAssembly in this thread; null when
 * that isn't for it, or it says anything of the file but that it is whole: sharp's answer then counts.
 */
export async function decodeSmallJpeg(
  bytes: Uint8Array,
  { width, height, components }: JpegHeader,
): Promise<Uint8Array | null> {
  if (width * height > SMALL_PIXELS || (components !== 1 && components !== 3)) return null;
  codec ??= loadCodec();
  const decoder = await codec;
  try {
    decoder.getEncodedBuffer(bytes.length).set(bytes);
    decoder.decode();
  } catch {
    return null;
  }
  const view = decoder.getDecodedBuffer();
  // Copied as what it will be: from one kind of array to the other is many times slower.
  const rgb = new Uint8Array(view.buffer, view.byteOffset, view.length).slice();
  return rgb.length === width * height * 3 ? rgb : null;
}

async function loadCodec(): Promise<InstanceType<Codec['JPEGDecoder']>> {
  // A CommonJS module without types.
  const load: () => Promise<Codec> = createRequire(import.meta.url)('@cornerstonejs/codec-libjpeg-turbo-8bit/decodewasmjs');
  return new (await load()).JPEGDecoder();
}
