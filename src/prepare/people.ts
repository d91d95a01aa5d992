import { inHashOrder, testShare } from '../data/people.js';
import { UaferError } from '../errors.js';

/**
 * The people whose pictures are the test set of a laboratory set, whose owners give no split: put in the order of the SHA-256 of their
 * names, the first fifth (at least one). It depends on the names alone, so that every machine agrees, and nobody is on both sides.
 *
 * @throws UaferError `DATA` when there is one person only.
 */
export function testPeople(subjects: Iterable<string>, raw: string): ReadonlySet<string> {
  const people = inHashOrder(subjects);
  if (people.length < 2)
    throw new UaferError('DATA', `${raw} shows ${people.length} person, but training and test need one each at least`);
  return new Set(people.slice(0, testShare(people.length)));
}
