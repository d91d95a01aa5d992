import type { Picture } from '../image/picture.js';
import { type AlignOptions, alignFace } from './alignFace.js';
import { type Selection, selectFaces } from './select.js';
import type { Detector, Face } from './types.js';

export interface AlignedFace {
  face: Face;
  picture: Picture;
}

/**
 * Every face that the detector finds in a photo, and the aligned pictures of those that `selection` takes, in the same order. The same
 * path for files, data sets and predictions.
 */
export async function alignPhoto(
  photo: Picture,
  detector: Detector,
  { selection, ...options }: AlignOptions & { selection: Selection },
): Promise<{ faces: Face[]; aligned: AlignedFace[] }> {
  const faces = await detector.detect(photo);
  const aligned = selectFaces(faces, selection, photo).flatMap((face) => {
    const picture = alignFace(photo, face, options);
    return picture ? [{ face, picture }] : [];
  });
  return { faces, aligned };
}
