import { createHash } from 'node:crypto';
import { UaferError } from '../errors.js';

const TEST_SHARE = 0.2;

/**
 * The people whose pictures are the test set of a laboratory set, whose owners give no split: put in the order of the SHA-256 of their
 * names, the first fifth (at least one). It depends on the names alone, so that every machine agrees, and nobody is on both sides.
 *
 * @throws UaferError `DATA` when there is one person only.
 */
export function testPeople(subjects: Iterable<string>, raw: string): ReadonlySet<string> {
  const keyed = [...new Set(subjects)].map((subject) => ({ subject, key: createHash('sha256').update(subject).digest('hex') }));
  if (keyed.length < 2)
    throw new UaferError('DATA', `${raw} shows ${keyed.length} person, but training and test need one each at least`);
  keyed.sort((a, b) => (a.key < b.key ? -1 : 1));
  return new Set(keyed.slice(0, Math.max(1, Math.round(keyed.length * TEST_SHARE))).map(({ subject }) => subject));
}
