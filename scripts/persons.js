import { createHash } from 'node:crypto';

/** People with more pictures than this are never held out: their pictures would decide the whole test. */
const MANY_PICTURES = 20;

/**
 * Whether a person's pictures are kept back for testing: about a quarter of the people, chosen by a hash of the name, so that
 * every set made from the same pictures keeps the same people back.
 *
 * @param {string} person
 * @param {number} pictures how many pictures of this person there are
 */
export function isHeldOut(person, pictures) {
  return pictures <= MANY_PICTURES && createHash('sha256').update(`uafer:${person}`).digest().readUInt32BE(0) % 4 === 0;
}
