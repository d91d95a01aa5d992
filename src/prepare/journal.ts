import { appendFileSync, existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { writeFileAtomically } from '../files.js';
import type { Outcome } from './make.js';

/** A line of `pictures.jsonl`. */
export interface JournalEntry {
  /** Relative to the data set. */
  path: string;
  outcome: Outcome;
  /** Of the raw picture that it was made from. */
  from: string;
  /** Why it is not simply `aligned` or `copied`. */
  why?: string;
}

/** What has been done, line by line, so that an interrupted run knows where to go on. */
export interface Journal {
  entries: Map<string, JournalEntry>;
  add(entry: JournalEntry): void;
  /** Puts the lines in an order that doesn't depend on the run. */
  rewrite(paths: readonly string[]): void;
}

export function openJournal(out: string): Journal {
  const file = join(out, 'pictures.jsonl');
  const entries = new Map<string, JournalEntry>();
  for (const line of existsSync(file) ? readFileSync(file, 'utf8').split('\n') : []) {
    const entry = parseLine(line);
    if (entry) entries.set(entry.path, entry);
  }
  // A line that a killed run left unfinished must not swallow the next one.
  const rewrite = (paths: readonly string[]) => {
    const lines = paths.flatMap((path) => {
      const entry = entries.get(path);
      return entry ? [`${JSON.stringify(entry)}\n`] : [];
    });
    writeFileAtomically(file, lines.join(''));
  };
  rewrite([...entries.keys()]);
  return {
    entries,
    add: (entry) => {
      entries.set(entry.path, entry);
      appendFileSync(file, `${JSON.stringify(entry)}\n`);
    },
    rewrite,
  };
}

/** The entry, or null for a line that was cut off. */
function parseLine(line: string): JournalEntry | null {
  try {
    return JSON.parse(line) as JournalEntry;
  } catch {
    return null;
  }
}
