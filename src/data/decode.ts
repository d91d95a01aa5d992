import sharp from 'sharp';
import { UaferError } from '../errors.js';

/** A picture as RGB bytes, row by row: `data[(y * width + x) * 3 + channel]`. */
export interface Picture {
  data: Uint8Array;
  width: number;
  height: number;
}

// Pictures are small and many are decoded at once: one thread each, and no cache of libvips' own beside ours.
sharp.concurrency(1);
sharp.cache(false);

/**
 * Decodes a picture file to RGB. Grey is repeated, transparency dropped, 16 bits become 8, of an animation the first frame is
 * taken. As in the original (Pillow's `convert('RGB')`) embedded colour profiles and the EXIF orientation are *not* applied:
 * training and evaluation see the stored rows.
 *
 * @throws UaferError `IMAGE` naming the file when it is missing, empty, cut off or no picture.
 */
export async function decodePicture(path: string): Promise<Picture> {
  try {
    const { data, info } = await sharp(path, { failOn: 'error', ignoreIcc: true })
      .removeAlpha()
      .toColourspace('srgb')
      .raw({ depth: 'uchar' })
      .toBuffer({ resolveWithObject: true });
    return { data: info.channels === 1 ? repeatGrey(data) : data, width: info.width, height: info.height };
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new UaferError('IMAGE', `${path} cannot be read as a picture: ${reason}`, { cause });
  }
}

function repeatGrey(grey: Uint8Array): Uint8Array {
  const rgb = new Uint8Array(grey.length * 3);
  grey.forEach((value, i) => {
    rgb.fill(value, i * 3, i * 3 + 3);
  });
  return rgb;
}
