import { decodePicture } from '../codec/decode.js';
import { encodeThumbnail } from '../codec/encode.js';
import { toSquare } from '../image/preprocess.js';
import type { TransformOptions } from './augment.js';

/** Side of thumbnails in pixels, where the picture has as many. */
const SIDE = 96;

/** What a model sees of a picture, in its own colours, as a small JPEG. Throws `IMAGE` for one that cannot be read, `DATA` for an oblong one. */
export async function thumbnailOf(path: string, transform: TransformOptions): Promise<Uint8Array> {
  const picture = await decodePicture(path);
  const side = Math.min(SIDE, picture.width, picture.height);
  const data = toSquare(picture, { ...transform, colour: 'rgb', imageSize: side }, path);
  return encodeThumbnail({ data, width: side, height: side });
}
