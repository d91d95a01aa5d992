import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/** People with more pictures than this are never held out: their pictures would decide the whole test. */
const MANY_PICTURES = 20;

/** @typedef {{ image: string, expression: string, person: string, heldOut: boolean }} LabelledFace */

/**
 * The open faces: a folder with `labels.csv` (image, expression, person) and `images/`.
 *
 * @param {string} source
 * @returns {LabelledFace[]} in the order of the list; `heldOut` says whether the person's pictures are kept back for testing
 */
export function labelledFaces(source) {
  const [, ...lines] = readFileSync(join(source, 'labels.csv'), 'utf8').trim().split(/\r?\n/);
  const faces = lines.map((line) => {
    const [image = '', expression = '', person = ''] = line.split(',').map((cell) => cell.replace(/^"|"$/g, ''));
    return { image, expression, person };
  });
  const pictures = new Map();
  for (const { person } of faces) pictures.set(person, (pictures.get(person) ?? 0) + 1);
  return faces.map((face) => ({ ...face, heldOut: isHeldOut(face.person, pictures.get(face.person)) }));
}

/**
 * Whether a person's pictures are kept back for testing: about a quarter of the people, chosen by a hash of the name, so that
 * every set made from the same pictures keeps the same people back.
 *
 * @param {string} person
 * @param {number} pictures how many pictures of this person there are
 */
function isHeldOut(person, pictures) {
  return pictures <= MANY_PICTURES && createHash('sha256').update(`uafer:${person}`).digest().readUInt32BE(0) % 4 === 0;
}
