import { UaferError } from '../errors.js';
import type { Picture } from '../image/picture.js';

/** A picture: a file or blob, pixels, or what can be drawn: a bitmap, canvas, image or video element (its present frame). */
export type PictureInput =
  | Blob
  | ImageData
  | ImageBitmap
  | HTMLImageElement
  | HTMLVideoElement
  | HTMLCanvasElement
  | OffscreenCanvas
  | VideoFrame;

/**
 * The pixels of a picture, turned as its EXIF orientation says unless its rows are asked for as they are stored. Colours are the browser's sRGB;
 * transparency is dropped.
 *
 * @throws UaferError `IMAGE` for what cannot be decoded
 */
export async function decodePicture(input: PictureInput, { stored }: { stored: boolean }): Promise<Picture> {
  if (input instanceof ImageData) return withoutOpacity(input);
  const isBitmap = input instanceof ImageBitmap;
  const bitmap = isBitmap ? input : await toBitmap(input, stored);
  try {
    const { width, height } = bitmap;
    const context = new OffscreenCanvas(width, height).getContext('2d', { willReadFrequently: true, colorSpace: 'srgb' });
    if (!context) throw new Error('this browser gives no canvas to read pixels from');
    context.drawImage(bitmap, 0, 0);
    return withoutOpacity(context.getImageData(0, 0, width, height));
  } catch (cause) {
    throw unreadable(cause);
  } finally {
    if (!isBitmap) bitmap.close();
  }
}

async function toBitmap(input: Exclude<PictureInput, ImageData | ImageBitmap>, stored: boolean): Promise<ImageBitmap> {
  try {
    return await createImageBitmap(input, { imageOrientation: stored ? 'none' : 'from-image' });
  } catch (cause) {
    throw unreadable(cause);
  }
}

function unreadable(cause: unknown): UaferError {
  return new UaferError('IMAGE', `The picture cannot be read: ${(cause as Error).message}`, { cause });
}

function withoutOpacity({ data, width, height }: ImageData): Picture {
  const rgb = new Uint8Array(width * height * 3);
  for (let from = 0, to = 0; to < rgb.length; from += 4, to += 3) {
    rgb[to] = data[from] as number;
    rgb[to + 1] = data[from + 1] as number;
    rgb[to + 2] = data[from + 2] as number;
  }
  return { data: rgb, width, height };
}
