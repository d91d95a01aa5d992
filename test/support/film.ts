/** A film made of the example photos and faces: what a camera would see of them, with pans, fades and cuts. */
import sharp from 'sharp';
import type { Picture } from '#uafer/image/picture.js';
import { exampleFaces } from './exampleFaces.js';
import { photoPath, photoPicture } from './photos.js';

const HAPPY = 'Lleyton_Hewitt_0031.jpg';
const NEUTRAL = 'Lleyton_Hewitt_0013.jpg';
const SIZE = { width: 400, height: 300 } as const;
/** Frames a second. */
export const FILM_RATE = 10;

/** The part of a picture that begins at a point. */
function view({ data, width, height }: Picture, left: number, top: number): Picture {
  const seen = new Uint8Array(SIZE.width * SIZE.height * 3);
  for (let y = Math.max(0, -top); y < Math.min(SIZE.height, height - top); y++) {
    const [from, to] = [Math.max(0, left), Math.min(width, left + SIZE.width)];
    const row = data.subarray(((y + top) * width + from) * 3, ((y + top) * width + to) * 3);
    seen.set(row, (y * SIZE.width + from - left) * 3);
  }
  return { data: seen, ...SIZE };
}

const mixed = (a: Picture, b: Picture, share: number): Picture => ({
  ...a,
  data: a.data.map((value, i) => Math.round(value * (1 - share) + (b.data[i] as number) * share)),
});
const dark: Picture = { data: new Uint8Array(SIZE.width * SIZE.height * 3), ...SIZE };

const still = (picture: Picture, count: number) => Array.from({ length: count }, () => picture);
const fade = (a: Picture, b: Picture, count: number) => Array.from({ length: count }, (_, i) => mixed(a, b, (i + 1) / count));

/** Side of an example face in the film, in pixels. */
const FACE = 150;

/** An example face in the middle of a blurred room. */
async function faceView(name: string): Promise<Picture> {
  const { path } = exampleFaces().find((face) => face.name === name) as { path: string };
  const face = await sharp(path).resize(FACE, FACE).toBuffer();
  const { data, info } = await sharp(photoPath('three.jpg'))
    .resize({ ...SIZE, fit: 'cover' })
    .blur(20)
    .composite([{ input: face, left: (SIZE.width - FACE) / 2, top: (SIZE.height - FACE) / 2 }])
    .removeAlpha()
    .raw()
    .toBuffer({ resolveWithObject: true });
  return { data: new Uint8Array(data), width: info.width, height: info.height };
}

/**
 * 9.5 seconds in five scenes:
 *
 * - frames 0 to 24: a pan to the right through three.jpg. Its left and middle face are seen from the beginning; the left one leaves at the edge, and the
 *   right one comes in at the other.
 * - 25 to 34: cut to astronaut.jpg.
 * - 35 to 49: it fades into darkness, which stays.
 * - 50 to 64: four.jpg comes out of it.
 * - 65 to 94: cut to a face that is happy, and changes little by little into the same person's neutral one (75 to 84).
 */
export async function exampleFilm(): Promise<Picture[]> {
  const three = await photoPicture('three.jpg', { height: 400 });
  const astronaut = view(await photoPicture('astronaut.jpg', { height: 400 }), 20, 0);
  const four = view(await photoPicture('four.jpg', { height: 330 }), 5, 15);
  const [happy, neutral] = [await faceView(HAPPY), await faceView(NEUTRAL)];
  return [
    ...Array.from({ length: 25 }, (_, i) => view(three, 8 * i, 50)),
    ...still(astronaut, 10),
    ...fade(astronaut, dark, 10),
    ...still(dark, 5),
    ...fade(dark, four, 10),
    ...still(four, 5),
    ...still(happy, 10),
    ...fade(happy, neutral, 10),
    ...still(neutral, 10),
  ];
}
