/** From a face in a photo to the picture that a model sees. */
import type { Picture } from '../image/picture.js';
import { crop } from '../image/region.js';
import { resizePicture } from '../image/resize.js';
import { estimateSimilarity, type Similarity } from './similarity.js';
import type { Box, Face, LandmarkName, Landmarks, Point } from './types.js';
import { warpPicture } from './warp.js';

/** How a face is cut out: see `similarityCrop` and `marginCrop`. */
export type AlignStyle = 'similarity' | 'margin';

export interface AlignOptions {
  style: AlignStyle;
  /** Side of the square result, in pixels. */
  size: number;
  /** `margin` only: pixels of the result that lie outside of the detector's box, both sides together. */
  margin: number;
}

/**
 * Where landmarks of an aligned face stand, in shares of its side: their means, made symmetric, over what MTCNN found in FER2013's pictures
 * and in the open faces that the shipped weights learned from (170 and 184 pictures; the two sets differ by 0.03 at most). That is
 * somewhat closer than ArcFace's template (Deng et al. 2019), whose eyes stand 0.315 apart.
 */
export const TEMPLATE: Landmarks = {
  leftEye: { x: 0.31, y: 0.4 },
  rightEye: { x: 0.69, y: 0.4 },
  nose: { x: 0.5, y: 0.625 },
  mouthLeft: { x: 0.345, y: 0.82 },
  mouthRight: { x: 0.655, y: 0.82 },
  mouth: { x: 0.5, y: 0.82 },
};

/** The aligned picture of a face; null when that cannot be made: no two different landmarks, or a box outside of the photo. */
export function alignFace(
  photo: Picture,
  { box, landmarks }: Pick<Face, 'box' | 'landmarks'>,
  options: AlignOptions,
): Picture | null {
  return options.style === 'margin' ? marginCrop(photo, box, options) : similarityCrop(photo, landmarks, options.size);
}

/**
 * The face turned upright and scaled so that its landmarks come nearest to `TEMPLATE` (see `estimateSimilarity`), antialiased bicubic; what
 * lies outside of the photo is black (`warpPicture`). Landmarks that the template lacks (ears) are not used.
 */
export function similarityCrop(photo: Picture, landmarks: Landmarks, size: number): Picture | null {
  const transform = alignment(landmarks, size);
  return transform && warpPicture(photo, transform, size, size);
}

/** From the photo to the aligned face of that side; null without two different landmarks. */
export function alignment(landmarks: Landmarks, size: number): Similarity | null {
  const pairs = (Object.entries(landmarks) as [LandmarkName, Point][]).flatMap(([name, from]) => {
    const place = TEMPLATE[name];
    return place ? [{ from, to: { x: place.x * size, y: place.y * size } }] : [];
  });
  return estimateSimilarity(
    pairs.map(({ from }) => from),
    pairs.map(({ to }) => to),
  );
}

/**
 * The detector's box, grown by a margin, cut off at the photo's edges, and resized to a square without keeping its aspect: what
 * facenet-pytorch's MTCNN writes (`extract_face`), whole pixels and Pillow's bilinear included. Most likely what "realigned by MTCNN"
 * means in the original's README.
 */
export function marginCrop(photo: Picture, box: Box, { size, margin }: Pick<AlignOptions, 'size' | 'margin'>): Picture | null {
  const grow = (side: number) => (margin * side) / (size - margin) / 2;
  const [growX, growY] = [grow(box.width), grow(box.height)];
  const part = {
    left: Math.trunc(Math.max(box.left - growX, 0)),
    top: Math.trunc(Math.max(box.top - growY, 0)),
    right: Math.trunc(Math.min(box.left + box.width + growX, photo.width)),
    bottom: Math.trunc(Math.min(box.top + box.height + growY, photo.height)),
  };
  if (part.right <= part.left || part.bottom <= part.top) return null;
  return resizePicture(crop(photo, part), size, size, 'bilinear');
}

/** The middle of a photo without a face, as large as fits, resized like a face that fills it. */
export function centreCrop(photo: Picture, size: number): Picture {
  const side = Math.min(photo.width, photo.height);
  const left = Math.floor((photo.width - side) / 2);
  const top = Math.floor((photo.height - side) / 2);
  return resizePicture(crop(photo, { left, top, right: left + side, bottom: top + side }), size, size, 'bicubic');
}
