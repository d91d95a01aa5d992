/** The work on one picture: from the owner's bytes to those of the data set. */

import type { NoFace } from '../align/job.js';
import { decodeBytes } from '../codec/decode.js';
import { encodePicture } from '../codec/encode.js';
import { UaferError } from '../errors.js';
import { type AlignOptions, centreCrop } from '../faces/alignFace.js';
import type { Picture } from '../image/picture.js';
import type { FaceAligner } from './faceAligner.js';
import type { FaceHint } from './plan.js';

/** What became of a picture. `copied`: whole; `centred`: its middle, since no face was found. */
export type Outcome = 'aligned' | 'copied' | 'centred' | 'skipped' | 'unreadable';

/** How pictures are made; null takes the owner's bytes as they are. */
export type MakeSettings = (AlignOptions & { noFace: NoFace }) | null;

export interface MakeTask {
  /** The owner's picture, for messages. */
  where: string;
  /** Its place in the data set; the ending says the format. */
  path: string;
  face?: FaceHint;
}

export interface Made {
  outcome: Outcome;
  /** Why it is not simply `aligned` or `copied`. */
  why?: string;
  /** What is to be written, if anything is. */
  bytes?: Uint8Array;
}

export const NO_FACE = 'no face was found';

/** Makes a picture. One that cannot be read is an outcome too. */
export async function makePicture(
  bytes: Uint8Array,
  { where, path, face }: MakeTask,
  settings: MakeSettings,
  align: FaceAligner,
): Promise<Made> {
  let picture: Picture;
  try {
    // Owners' boxes and points are those of the stored rows; a photo that is only looked at is turned upright.
    picture = await decodeBytes(bytes, where, { upright: settings !== null && face === undefined });
  } catch (error) {
    if (error instanceof UaferError && error.code === 'IMAGE') return { outcome: 'unreadable', why: error.message };
    throw error;
  }
  if (settings === null) return { outcome: 'copied', bytes };
  const aligned = await align(picture, face ?? {});
  if (aligned) return { outcome: 'aligned', bytes: await encodePicture(aligned, path) };
  if (settings.noFace === 'skip') return { outcome: 'skipped', why: NO_FACE };
  if (settings.noFace === 'copy') return { outcome: 'copied', why: NO_FACE, bytes: await encodePicture(picture, path) };
  return { outcome: 'centred', why: NO_FACE, bytes: await encodePicture(centreCrop(picture, settings.size), path) };
}
