/** Pictures for the contenders of peers.js. */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import sharp from 'sharp';

/**
 * The files that a list names.
 *
 * @param {string} list
 * @returns {string[]}
 */
export function listedFiles(list) {
  return JSON.parse(readFileSync(list, 'utf8'));
}

/**
 * Each picture's pixels for a package that decodes none itself: rows of red, green and blue.
 *
 * @param {string} file
 */
export async function rgbPixels(file) {
  const { data, info } = await sharp(file).toColourspace('srgb').removeAlpha().raw().toBuffer({ resolveWithObject: true });
  return { data, width: info.width, height: info.height };
}

/**
 * What a contender says of each picture, and a checksum of all their pixels, by which everybody is known to have had the same.
 *
 * @template {{ data: Uint8Array }} Picture
 * @param {string[]} files
 * @param {(file: string) => Promise<Picture>} decode
 * @param {(picture: Picture) => Promise<string | null>} answer the name of an expression; null where no face was found
 */
export async function answerAll(files, decode, answer) {
  const hash = createHash('sha256');
  const answers = [];
  for (const file of files) {
    const picture = await decode(file);
    hash.update(picture.data);
    answers.push(await answer(picture));
  }
  return { answers, pixels: hash.digest('hex') };
}

/**
 * Of several faces in a picture of one the largest.
 *
 * @template Face
 * @param {Face[]} faces
 * @param {(face: Face) => number} area
 * @returns {Face | undefined}
 */
export function largest(faces, area) {
  return faces.toSorted((a, b) => area(b) - area(a))[0];
}
