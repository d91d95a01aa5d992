import {
  closeSync,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readdirSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { basename, dirname, isAbsolute, join, relative, resolve, sep } from 'node:path';
import { UaferError } from './errors.js';
import { readRegularFileSync } from './regularFiles.js';
import { shown } from './shown.js';
import { reasonOf, systemFailure } from './systemErrors.js';

/** Writes a file whole or not at all: beside it first, then renamed. Makes folders as needed. Throws `IO`; the file that was there stays. */
export function writeFileAtomically(path: string, contents: string | Uint8Array): void {
  replaceFile(path, (partial) => writeFileSync(partial, contents));
}

/** As `writeFileAtomically` for what is too large to stand in memory: writes the pieces one after the other and waits for the disk. */
export function writePiecesAtomically(path: string, pieces: Iterable<Uint8Array>): void {
  replaceFile(path, (partial) => writePieces(partial, pieces));
}

/** As `writeFileAtomically` with what `write` makes of the path that it is given. */
export function replaceFile(path: string, write: (partial: string) => void): void {
  const partial = `${path}.partial`;
  try {
    makeFolder(dirname(path));
    write(partial);
    renameSync(partial, path);
  } catch (cause) {
    discard(partial);
    throw systemFailure(cause, `${shown(path)} could not be written`) ?? cause;
  }
}

/** Makes a folder and those that it lies in, unless they are there. Node's own `recursive` never returns where the system makes none. */
export function makeFolder(path: string): void {
  if (isFolder(path)) return;
  const above = dirname(resolve(path));
  if (above !== resolve(path)) makeFolder(above);
  try {
    mkdirSync(path);
  } catch (error) {
    if (!isFolder(path)) throw error; // else another thread has made it
  }
}

/** What cannot be deleted, on a disk that fails for example, stays: the first failure is the one to tell of. */
function discard(partial: string): void {
  try {
    rmSync(partial, { force: true });
  } catch {}
}

function writePieces(path: string, pieces: Iterable<Uint8Array>): void {
  const file = openSync(path, 'w');
  try {
    for (const piece of pieces) writeWhole(file, piece);
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
}

/** A single write takes at most 2 GiB. */
function writeWhole(file: number, bytes: Uint8Array): void {
  let done = 0;
  while (done < bytes.length) done += writeSync(file, bytes, done, Math.min(bytes.length - done, 2 ** 30));
}

/** Whether a path, which need not be there yet, is a folder or lies in it, links followed. */
export function liesIn(path: string, folder: string): boolean {
  const way = relative(realpathSync(folder), realPath(path));
  return way !== '..' && !way.startsWith(`..${sep}`) && !isAbsolute(way);
}

/** The real path of what may not be there yet. */
export function realPath(path: string): string {
  if (existsSync(path)) return realpathSync(path);
  const whole = resolve(path);
  return join(realPath(dirname(whole)), basename(whole));
}

/** Why there is nothing at a path, to stand behind it: `does not exist`, or that it cannot be looked at; null where something is. */
export function whyAbsent(path: string): string | null {
  try {
    return statSync(path, { throwIfNoEntry: false }) ? null : 'does not exist';
  } catch (cause) {
    return `cannot be opened: ${reasonOf(cause)}`;
  }
}

export function isFolder(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false;
}

/**
 * Names of all files below `root`, relative to it, with slashes; litter is left out. Links to folders are followed, but for those that lead
 * back to a folder that they lie in, whose files are named already.
 */
export function filesBelow(root: string): string[] {
  return filesIn(root, '', [realpathSync(root)]);
}

/** @param above the real paths of the folder and of those that it lies in */
function filesIn(root: string, folder: string, above: readonly string[]): string[] {
  const entries = readdirSync(join(root, folder), { withFileTypes: true }).filter(({ name }) => !isLitter(name));
  return entries.flatMap((entry) => {
    const name = folder === '' ? entry.name : `${folder}/${entry.name}`;
    const path = join(root, name);
    if (!entry.isDirectory() && !(entry.isSymbolicLink() && leadsToFolder(path))) return [name];
    const real = realpathSync(path);
    return above.includes(real) ? [] : filesIn(root, name, [...above, real]);
  });
}

/** A link that leads in a circle leads to no folder: whoever opens it will say so. */
function leadsToFolder(link: string): boolean {
  try {
    return isFolder(link);
  } catch {
    return false;
  }
}

/** A file's size and time, which change when its contents do; null for what cannot be looked at, such as a link to nothing. */
export function sizeAndTime(path: string): [size: number, time: number] | null {
  try {
    const { size, mtimeMs } = statSync(path);
    return [size, mtimeMs];
  } catch {
    return null;
  }
}

/** What systems leave behind in folders and archives. */
export function isLitter(name: string): boolean {
  return name.startsWith('.') || /^(__MACOSX|Thumbs\.db|desktop\.ini)$/i.test(name);
}

/**
 * Lines of a text file without its byte-order mark, line endings of any system, or blank lines at its end. Throws `DATA` naming the file, with
 * `hint` at what is expected where there is none.
 */
export function readLines(file: string, hint?: string): string[] {
  const lines = readList(file, hint)
    .replace(/^\uFEFF/, '')
    .split(/\r\n|\n|\r/);
  while (lines.length > 0 && lines.at(-1)?.trim() === '') lines.pop();
  return lines;
}

/** The text of a list that a data set or a person has made. Throws `DATA` as `readLines` does. */
export function readList(file: string, hint = "is this the data set's own folder?"): string {
  try {
    return readRegularFileSync(file, 'list').toString('utf8');
  } catch (cause) {
    const missing = (cause as NodeJS.ErrnoException).code === 'ENOENT';
    throw new UaferError('DATA', `${shown(file)} cannot be read: ${reasonOf(cause)}${missing ? `: ${hint}` : ''}`, { cause });
  }
}
