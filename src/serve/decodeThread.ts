/** A thread that decodes pictures. Started by `service.ts`. */
import { decodeBytes } from '../codec/decode.js';
import type { Picture } from '../image/picture.js';
import { inThread } from '../threads.js';

export interface DecodeJob {
  bytes: Uint8Array;
  /** Turned as EXIF says, as photos are; aligned faces are taken as they are stored. */
  upright: boolean;
  mostPixels: number;
  seconds: number;
}

export const work = inThread(
  async ({ bytes, ...options }: DecodeJob): Promise<Picture> => {
    const { data, width, height } = await decodeBytes(bytes, 'The picture', options);
    // Memory of the decoder's own cannot be handed over.
    return { data: Buffer.isBuffer(data) ? new Uint8Array(data) : data, width, height };
  },
  ({ data }) => [data.buffer as ArrayBuffer],
);
