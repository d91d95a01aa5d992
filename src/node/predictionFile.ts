/** A file of answers that grows while it is made, and that the same command goes on with. */
import { closeSync, existsSync, mkdirSync, openSync, readFileSync, readSync, truncateSync, writeSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { UaferError } from '../errors.js';
import { writeFileAtomically } from '../files.js';

export interface PredictionFile {
  /** Pictures whose answers are there from an earlier run. */
  readonly done: ReadonlySet<string>;
  /** Appends the whole text of a picture: whoever is killed leaves at most one unfinished. */
  add(text: string): void;
  close(): void;
}

/** How a form of answers is read again. */
export interface AnswerForm {
  /** What stands first in the file, with its line break. */
  head: string;
  /** The picture or video that a line is about. */
  fileOf(line: string): string;
  /** Whether no other line about it follows; where this is not known the last one is made anew. */
  isLast?(line: string): boolean;
}

/**
 * Opens a file of answers to go on after those that it holds. Beside it `<file>.settings.json` says what it was made with. An unfinished line, and
 * with it the last picture's others, is dropped.
 *
 * @throws UaferError `USAGE` when it was made with another model or other options, or is something else
 */
export function openPredictionFile(path: string, form: AnswerForm, settings: Record<string, unknown>): PredictionFile {
  checkSettings(path, settings);
  const done = existsSync(path) ? doneIn(path, form) : new Set<string>();
  mkdirSync(dirname(resolve(path)), { recursive: true });
  const file = openSync(path, 'a');
  if (done.size === 0) writeSync(file, form.head);
  return { done, add: (text) => void writeSync(file, text), close: () => closeSync(file) };
}

function checkSettings(path: string, settings: Record<string, unknown>): void {
  const beside = `${path}.settings.json`;
  const wanted = JSON.parse(JSON.stringify(settings));
  if (!existsSync(path)) {
    writeFileAtomically(beside, `${JSON.stringify(settings, null, 2)}\n`);
    return;
  }
  if (!existsSync(beside)) {
    throw new UaferError(
      'USAGE',
      `${path} exists and was not made by this command: choose another file with --out, or delete it.`,
    );
  }
  const there: unknown = JSON.parse(readFileSync(beside, 'utf8'));
  if (isDeepStrictEqual(there, wanted)) return;
  throw new UaferError(
    'USAGE',
    `${path} was made with another model or other options (${beside} says which): choose another file with --out, or delete both.`,
  );
}

function doneIn(path: string, form: AnswerForm): Set<string> {
  const done = new Set<string>();
  /** What the last line is about, and where its first line begins. */
  const last = { file: '', from: 0, whole: true };
  let end = 0;
  for (const { line, from, to } of linesIn(path)) {
    end = to;
    if (to === Buffer.byteLength(form.head)) continue;
    const file = nameIn(line, form.fileOf, path);
    if (last.whole || last.file !== file) {
      if (last.file !== '') done.add(last.file);
      Object.assign(last, { file, from });
    }
    last.whole = form.isLast?.(line) ?? false;
  }
  // Of the last one some lines may be missing: it is made anew.
  if (!last.whole) end = last.from;
  else if (last.file !== '') done.add(last.file);
  truncateSync(path, done.size === 0 ? 0 : end);
  return done;
}

const CHUNK = 2 ** 20;

/** The lines of a file that end, with where they stand: one after the other, since what is said of a long video takes hundreds of megabytes. */
function* linesIn(path: string): Generator<{ line: string; from: number; to: number }> {
  const file = openSync(path, 'r');
  try {
    const chunk = Buffer.alloc(CHUNK);
    let rest = Buffer.alloc(0);
    let from = 0;
    for (let read = readSync(file, chunk); read > 0; read = readSync(file, chunk)) {
      rest = Buffer.concat([rest, chunk.subarray(0, read)]);
      let begin = 0;
      for (let at = rest.indexOf(LINE_END); at >= 0; at = rest.indexOf(LINE_END, begin)) {
        yield { line: rest.toString('utf8', begin, at), from: from + begin, to: from + at + 1 };
        begin = at + 1;
      }
      from += begin;
      rest = rest.subarray(begin);
    }
  } finally {
    closeSync(file);
  }
}

const LINE_END = 0x0a;

function nameIn(line: string, fileOf: (line: string) => string, path: string): string {
  try {
    return fileOf(line);
  } catch (cause) {
    throw new UaferError(
      'USAGE',
      `${path} holds a line that is no answer: ${line.slice(0, 60)}. Choose another file with --out.`,
      { cause },
    );
  }
}
