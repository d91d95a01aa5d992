import { basename, extname } from 'node:path';
import { UaferError } from '../errors.js';
import { readLines } from '../files.js';
import { collectProblems } from '../problems.js';
import type { Dataset, Sample } from './types.js';

/**
 * Keeps the test pictures that a file names, a name a line, such as the occlusion and pose lists of Region Attention Networks (Wang
 * et al. 2020). A name may be the list's own or the picture's bare name; folder, extension, `_aligned` and further columns after a
 * space do not matter, so `6/test_0001_aligned.jpg` and `test_0001_aligned 0 4` both mean `test_0001.jpg`.
 *
 * @throws UaferError `DATA` with the lines whose names the test set lacks, or has more than once.
 */
export function subset(dataset: Dataset, namesFile: string): Dataset {
  const problems = collectProblems();
  const find = pictureLookup(dataset.test);
  const chosen = new Set<Sample>();
  readLines(namesFile, '--subset takes a file with the names of test pictures, a line each').forEach((text, i) => {
    if (text.trim() === '') return;
    const [found, another] = find(text.trim());
    if (found === undefined) problems.add(`${namesFile}:${i + 1}: the test set has no picture "${text.trim()}"`);
    else if (another)
      problems.add(`${namesFile}:${i + 1}: "${text.trim()}" may be ${found.file} or ${another.file}: write it in full`);
    else chosen.add(found);
  });
  problems.check('The subset cannot be used');
  if (chosen.size === 0) throw new UaferError('DATA', `${namesFile} names no picture`);
  return { ...dataset, test: dataset.test.filter((sample) => chosen.has(sample)) };
}

function pictureLookup(samples: readonly Sample[]): (text: string) => readonly Sample[] {
  const whole = new Map<string, Sample[]>();
  const bare = new Map<string, Sample[]>();
  for (const sample of samples) {
    append(whole, sample.file, sample);
    append(bare, bareName(sample.file), sample);
  }
  return (text) => {
    const word = text.split(/\s/)[0] ?? '';
    return whole.get(text) ?? whole.get(word) ?? bare.get(bareName(text)) ?? bare.get(bareName(word)) ?? [];
  };
}

function append(map: Map<string, Sample[]>, key: string, sample: Sample): void {
  const samples = map.get(key);
  if (samples) samples.push(sample);
  else map.set(key, [sample]);
}

const bareName = (name: string): string => basename(name, extname(name)).replace(/_aligned$/, '');
