import type { Picture } from '../image/picture.js';
import type { Box, Face } from './types.js';

/** `largest` by the box's area; `central` by the distance of the box's centre from the picture's. */
export type Selection = 'all' | 'largest' | 'central';

/** All faces, or the one that a rule prefers; none of none. Of equal ones the earlier, more confident, is taken. */
export function selectFaces(faces: readonly Face[], selection: Selection, picture: Pick<Picture, 'width' | 'height'>): Face[] {
  if (selection === 'all') return [...faces];
  const cost = selection === 'largest' ? ({ box }: Face) => -area(box) : ({ box }: Face) => distanceFromCentre(box, picture);
  const [first, ...others] = faces;
  return first === undefined ? [] : [others.reduce((best, face) => (cost(face) < cost(best) ? face : best), first)];
}

const area = ({ width, height }: Box): number => width * height;

function distanceFromCentre({ left, top, width, height }: Box, picture: Pick<Picture, 'width' | 'height'>): number {
  return Math.hypot(left + (width - picture.width) / 2, top + (height - picture.height) / 2);
}
