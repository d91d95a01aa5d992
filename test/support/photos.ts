import { fileURLToPath } from 'node:url';
import sharp from 'sharp';
import { intersectionOverUnion } from '#uafer/faces/boxes.js';
import type { Box, Face } from '#uafer/faces/types.js';
import type { Picture } from '#uafer/image/picture.js';

/** Real photos, and how many people they show. */
export const PHOTOS = { 'astronaut.jpg': 1, 'three.jpg': 3, 'four.jpg': 4, 'five.jpg': 5 } as const;

export const photoPath = (name: string): string => fileURLToPath(new URL(`../../examples/photos/${name}`, import.meta.url));

/** The pixels of a photo, brought to a height. */
export async function photoPicture(name: string, { height }: { height: number }): Promise<Picture> {
  const { data, info } = await sharp(photoPath(name)).resize({ height }).toColourspace('srgb').removeAlpha().raw().toBuffer({
    resolveWithObject: true,
  });
  return { data: new Uint8Array(data), width: info.width, height: info.height };
}

/** left, top, right, bottom */
export type Edges = readonly [number, number, number, number];

export const edgesOf = ({ left, top, width, height }: Box): Edges => [left, top, left + width, top + height];

/** The face whose box is most like `edges`, and how much. */
export function nearestFace(faces: readonly Face[], edges: Edges): { face: Face | null; overlap: number } {
  const scored = ([left, top, right, bottom]: Edges) => ({ left, top, right, bottom, score: 1 });
  let best: { face: Face | null; overlap: number } = { face: null, overlap: 0 };
  for (const face of faces) {
    const overlap = intersectionOverUnion(scored(edgesOf(face.box)), scored(edges));
    if (overlap > best.overlap) best = { face, overlap };
  }
  return best;
}
