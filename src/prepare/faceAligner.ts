import { type AlignOptions, alignFace } from '../faces/alignFace.js';
import { intersectionOverUnion } from '../faces/boxes.js';
import { selectFaces } from '../faces/select.js';
import type { Box, Detector, Face } from '../faces/types.js';
import type { Picture } from '../image/picture.js';
import { createDetector } from '../runtime/detectors.js';
import type { FaceHint } from './plan.js';

/** Makes the aligned picture of the face that a picture shows; null when no face is found. */
export type FaceAligner = (picture: Picture, face: FaceHint) => Promise<Picture | null>;

/**
 * Aligns by the owners' landmarks where there are any, else by those of MTCNN: of several faces the one that lies most on the owners'
 * box, or without a box the largest. The detector is loaded when it is first needed.
 */
export function createFaceAligner(options: AlignOptions): FaceAligner {
  let loading: Promise<Detector> | undefined;
  const detect = async (picture: Picture): Promise<Face[]> => {
    loading ??= createDetector('mtcnn');
    return (await loading).detect(picture);
  };
  return async (picture, { box, landmarks }) => {
    if (landmarks) return alignFace(picture, { box: wholeOf(picture), landmarks }, options);
    const faces = await detect(picture);
    const face = box ? nearest(faces, box) : selectFaces(faces, 'largest', picture)[0];
    return face ? alignFace(picture, face, options) : null;
  };
}

const wholeOf = ({ width, height }: Picture): Box => ({ left: 0, top: 0, width, height });

/** The face that overlaps the box most; none when none does. */
function nearest(faces: readonly Face[], box: Box): Face | undefined {
  const overlap = (face: Face) => intersectionOverUnion(scored(face.box), scored(box));
  const [best] = [...faces].sort((a, b) => overlap(b) - overlap(a));
  return best && overlap(best) > 0 ? best : undefined;
}

const scored = ({ left, top, width, height }: Box) => ({ left, top, right: left + width, bottom: top + height, score: 1 });
