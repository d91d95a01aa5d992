/** A file of answers that grows while it is made, and that the same command goes on with. */
import { closeSync, existsSync, mkdirSync, openSync, readFileSync, truncateSync, writeSync } from 'node:fs';
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
  /** The picture that a line is about. */
  fileOf(line: string): string;
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

function doneIn(path: string, { head, fileOf }: AnswerForm): Set<string> {
  const text = readFileSync(path, 'utf8');
  const whole = text.slice(0, text.lastIndexOf('\n') + 1);
  const lines = whole.slice(head.length).split('\n').slice(0, -1);
  const files = lines.map((line) => nameIn(line, fileOf, path));
  const last = files.at(-1);
  // Of the last picture some lines may be missing: it is made anew.
  const kept = head === '' ? lines.length : files.indexOf(last as string);
  const keptText =
    kept <= 0 && head !== ''
      ? ''
      : head +
        lines
          .slice(0, kept)
          .map((line) => `${line}\n`)
          .join('');
  truncateSync(path, Buffer.byteLength(keptText));
  return new Set(files.slice(0, Math.max(0, kept)));
}

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
