import { createDirectoryIndex } from '../directories.js';
import { collectProblems } from '../problems.js';
import type { ListEntry } from './lists.js';
import type { Parts, Sample } from './types.js';

interface Resolution {
  firstLabel: number;
  /** Which pictures are wanted; training pictures that aren't are left out. */
  parts: Parts;
  /** Places where a picture of that name may lie, the likeliest first. */
  pathOf(name: string): readonly string[];
}

/**
 * Turns list entries into samples, split into training and test, in the order of the entries.
 *
 * @throws UaferError `DATA` with the number of pictures that are not there and the first few of them.
 */
export function splitEntries(
  entries: readonly ListEntry[],
  { firstLabel, parts, pathOf }: Resolution,
): { train: Sample[]; test: Sample[] } {
  const problems = collectProblems();
  const directories = createDirectoryIndex();
  const train: Sample[] = [];
  const test: Sample[] = [];
  for (const { name, label, train: isTrain, subject, where } of entries) {
    if (isTrain && parts === 'test') continue;
    const candidates = pathOf(name);
    const path = candidates.find((candidate) => directories.has(candidate));
    if (path === undefined) problems.add(`${where}: no picture ${candidates.join(' or ')}`);
    else
      (isTrain ? train : test).push({
        ...{ file: name, path, label: label - firstLabel },
        ...(subject === undefined ? {} : { subject }),
      });
  }
  problems.check('Pictures that the lists name are missing');
  return { train, test };
}

/** Orders samples by class, keeping their order within a class, which is how the original selects them. */
export function byClass(samples: readonly Sample[], classCount: number): Sample[] {
  return Array.from({ length: classCount }, (_, label) => samples.filter((sample) => sample.label === label)).flat();
}
