import { appendFileSync, existsSync, readFileSync } from 'node:fs';
import { writeFileAtomically } from './files.js';

/** What long work has done, a line of JSON each, so that an interrupted run knows where to go on. */
export interface Journal<Entry> {
  /** The latest entry by its key. */
  entries: Map<string, Entry>;
  add(entry: Entry): void;
  /** Writes the entries of these keys, so that the lines stand in an order that doesn't depend on the run. */
  rewrite(keys: readonly string[]): void;
}

/**
 * Opens the journal in `file`, made when it does not exist. A line that a killed run left unfinished is dropped, so that it cannot
 * swallow the next one.
 *
 * @param keyOf the key of what a line holds; undefined for what is no entry
 */
export function openJournal<Entry>(file: string, keyOf: (entry: Entry) => string | undefined): Journal<Entry> {
  const entries = new Map<string, Entry>();
  const keep = (entry: Entry) => {
    const key = keyOf(entry);
    if (key !== undefined) entries.set(key, entry);
  };
  for (const line of existsSync(file) ? readFileSync(file, 'utf8').split('\n') : []) {
    const entry = parseLine<Entry>(line);
    if (entry) keep(entry);
  }
  const rewrite = (keys: readonly string[]) => {
    const kept = keys.flatMap((key) => entries.get(key) ?? []) as Entry[];
    writeFileAtomically(file, kept.map(toLine).join(''));
  };
  rewrite([...entries.keys()]);
  return {
    entries,
    add: (entry) => {
      keep(entry);
      appendFileSync(file, toLine(entry));
    },
    rewrite,
  };
}

function parseLine<Entry>(line: string): Entry | null {
  try {
    return JSON.parse(line) as Entry | null;
  } catch {
    return null;
  }
}

function toLine(entry: unknown): string {
  return `${JSON.stringify(entry)}\n`;
}
