import { appendFileSync, existsSync, readFileSync } from 'node:fs';
import { writeFileAtomically } from './files.js';
import { shown } from './shown.js';
import { systemFailure } from './systemErrors.js';

/** What long work has done, a line of JSON each, so that an interrupted run knows where to go on. */
export interface Journal<Entry> {
  /** How many keys have an entry. */
  readonly size: number;
  keys(): IterableIterator<string>;
  /** The latest entry of a key. */
  get(key: string): Entry | undefined;
  add(entry: Entry): void;
  /** Writes the entries of these keys, so that the lines stand in an order that doesn't depend on the run. */
  rewrite(keys: readonly string[]): void;
}

/**
 * Opens the journal in `file`, made when it does not exist. A line that a killed run left unfinished is dropped, so that it cannot
 * swallow the next one. In memory entries are the lines that they are in the file: of a picture's faces that is a fifth of what they take as
 * objects.
 *
 * @param keyOf the key of what a line holds; undefined for what is no entry
 */
export function openJournal<Entry>(file: string, keyOf: (entry: Entry) => string | undefined): Journal<Entry> {
  const lines = new Map<string, string>();
  const keep = (line: string, entry: Entry) => {
    const key = keyOf(entry);
    if (key !== undefined) lines.set(key, line);
  };
  for (const line of existsSync(file) ? readFileSync(file, 'utf8').split('\n') : []) {
    const entry = parseLine<Entry>(line);
    if (entry) keep(`${line}\n`, entry);
  }
  const rewrite = (keys: readonly string[]) => {
    writeFileAtomically(file, keys.map((key) => lines.get(key) ?? '').join(''));
  };
  rewrite([...lines.keys()]);
  return {
    get size() {
      return lines.size;
    },
    keys: () => lines.keys(),
    get: (key) => {
      const line = lines.get(key);
      return line === undefined ? undefined : (JSON.parse(line) as Entry);
    },
    add: (entry) => {
      const line = `${JSON.stringify(entry)}\n`;
      keep(line, entry);
      append(file, line);
    },
    rewrite,
  };
}

/** The system doesn't say of which file it could not write more. */
function append(file: string, line: string): void {
  try {
    appendFileSync(file, line);
  } catch (cause) {
    throw systemFailure(cause, `${shown(file)} could not be written`) ?? cause;
  }
}

function parseLine<Entry>(line: string): Entry | null {
  try {
    return JSON.parse(line) as Entry | null;
  } catch {
    return null;
  }
}
