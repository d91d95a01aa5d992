/** Who is seen in the pictures of a folder: by a list beside the classes, or by a pattern on the pictures' names. */
import { existsSync } from 'node:fs';
import { basename, join } from 'node:path';
import { readLines } from '../files.js';
import type { Sample } from './types.js';

/** Where it is known from who is seen. */
export interface SubjectSource {
  /** In a sentence: `subjects.txt`, `--subject-pattern`. */
  name: string;
  /** The person in a picture; undefined where the source doesn't say. */
  of(sample: Sample): string | undefined;
}

/** What such a list is called; the lists of AffectNet's 8 classes have an ending before `.txt`. */
export const SUBJECTS_NAME = 'subjects';
/** `path subject` a line, beside the classes. */
export const SUBJECTS_FILE = `${SUBJECTS_NAME}.txt`;

/** The folder's source of people: the pattern, where one is given, else `subjects.txt`; null when there is neither. */
export function subjectSource(root: string, pattern: string | undefined): SubjectSource | null {
  if (pattern !== undefined) return byPattern(new RegExp(pattern));
  const file = join(root, SUBJECTS_FILE);
  return existsSync(file) ? byList(file) : null;
}

/** `samples` with their people, where the source says who they are. */
export function withSubjects(samples: readonly Sample[], source: SubjectSource): Sample[] {
  return samples.map((sample) => {
    const subject = source.of(sample);
    return subject === undefined ? sample : { ...sample, subject };
  });
}

function byPattern(pattern: RegExp): SubjectSource {
  return { name: `--subject-pattern ${pattern.source}`, of: ({ path }) => pattern.exec(basename(path))?.[1] };
}

/** Paths are relative to the folder, with slashes. They may hold spaces, and so may people: a line begins with a picture's path. */
function byList(file: string): SubjectSource {
  const subjects = new Map<string, string>();
  for (const line of readLines(file)) {
    for (const { index } of line.trimEnd().matchAll(/\s+/g)) subjects.set(line.slice(0, index), line.slice(index).trim());
  }
  return { name: SUBJECTS_FILE, of: (sample) => subjects.get(sample.file) };
}

/** Whether a text is a pattern that `subjectSource` takes: a regular expression with a group, which stands for the person. */
export function isSubjectPattern(text: string): boolean {
  try {
    // Beside an empty alternative every text matches, and the match has a place for each group.
    return (new RegExp(`${text}|`).exec('')?.length ?? 0) > 1;
  } catch {
    return false;
  }
}
