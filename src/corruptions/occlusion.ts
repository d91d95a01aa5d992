/** Parts of the face behind something flat, whose shade is drawn. */
import { TEMPLATE } from '../faces/alignFace.js';
import type { Point } from '../faces/types.js';
import type { Picture } from '../image/picture.js';
import type { Random } from '../random.js';
import { CHANNELS, faceSide, pictureOf } from './pixels.js';

/** Where an aligned face has them, in shares of its side. */
const EYES: Point = { x: 0.5, y: (TEMPLATE.leftEye as Point).y };
const MOUTH = TEMPLATE.mouth as Point;

/** In shares of the face's side, from the left and the top of the square that is cut out of a picture's middle. */
interface Box {
  left: number;
  top: number;
  width: number;
  height: number;
}

/** @param width of the bar, in shares of the face's side, a third as high; 0 changes nothing */
export function occludedEyes(picture: Picture, width: number, random: Random): Picture {
  return covered(picture, centred(EYES, width, width / 3), random);
}

/** @param width of the cover, in shares of the face's side, half as high; 0 changes nothing */
export function occludedMouth(picture: Picture, width: number, random: Random): Picture {
  return covered(picture, centred(MOUTH, width, width / 2), random);
}

/** @param side of a square that lies wholly on the face, anywhere, in shares of the face's side; 0 changes nothing */
export function occludedBlock(picture: Picture, side: number, random: Random): Picture {
  const [left, top] = [(1 - side) * random.next(), (1 - side) * random.next()];
  return covered(picture, { left, top, width: side, height: side }, random);
}

function centred({ x, y }: Point, width: number, height: number): Box {
  return { left: x - width / 2, top: y - height / 2, width, height };
}

/** A pixel that is covered in part is mixed in this share. */
function covered(picture: Picture, { left, top, width, height }: Box, random: Random): Picture {
  const shade = random.uniform(0, 255);
  const side = faceSide(picture);
  const shares = (pixels: number, start: number, length: number) => {
    const from = (pixels - side) / 2 + start * side;
    return Array.from({ length: pixels }, (_, i) => Math.max(0, Math.min(i + 1, from + length * side) - Math.max(i, from)));
  };
  const [columns, rows] = [shares(picture.width, left, width), shares(picture.height, top, height)];
  const values = Float64Array.from(picture.data);
  for (let y = 0, at = 0; y < picture.height; y++) {
    for (let x = 0; x < picture.width; x++) {
      const share = (columns[x] as number) * (rows[y] as number);
      for (let channel = 0; channel < CHANNELS; channel++, at++)
        values[at] = (values[at] as number) + share * (shade - (values[at] as number));
    }
  }
  return pictureOf(values, picture);
}
