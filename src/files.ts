import {
  closeSync,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { basename, dirname, isAbsolute, join, relative, resolve, sep } from 'node:path';
import { UaferError } from './errors.js';

/** Writes a file whole or not at all: beside it first, then renamed. Folders are made as needed. */
export function writeFileAtomically(path: string, contents: string | Uint8Array): void {
  mkdirSync(dirname(path), { recursive: true });
  const partial = `${path}.partial`;
  writeFileSync(partial, contents);
  renameSync(partial, path);
}

/**
 * As `writeFileAtomically` for what is too large to stand in memory: writes the pieces one after the other and waits for the disk.
 * Throws `IO` when that fails; the file that was there stays.
 */
export function writePiecesAtomically(path: string, pieces: Iterable<Uint8Array>): void {
  const partial = `${path}.partial`;
  try {
    mkdirSync(dirname(path), { recursive: true });
    writePieces(partial, pieces);
    renameSync(partial, path);
  } catch (cause) {
    rmSync(partial, { force: true });
    if (cause instanceof UaferError) throw cause;
    throw new UaferError('IO', `${path} could not be written: ${(cause as Error).message}`, { cause });
  }
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

export function isFolder(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false;
}

/** Names of all files below `root`, relative to it, with slashes; links to folders are followed, litter is left out. */
export function filesBelow(root: string, folder = ''): string[] {
  const entries = readdirSync(join(root, folder), { withFileTypes: true }).filter(({ name }) => !isLitter(name));
  return entries.flatMap((entry) => {
    const name = folder === '' ? entry.name : `${folder}/${entry.name}`;
    return entry.isDirectory() || (entry.isSymbolicLink() && isFolder(join(root, name))) ? filesBelow(root, name) : [name];
  });
}

/** What systems leave behind in folders and archives. */
export function isLitter(name: string): boolean {
  return name.startsWith('.') || /^(__MACOSX|Thumbs\.db|desktop\.ini)$/i.test(name);
}

/** Lines of a text file without its byte-order mark, line endings of any system, or blank lines at its end. */
export function readLines(file: string): string[] {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (cause) {
    throw new UaferError('DATA', `${file} cannot be read: is this the data set's own folder?`, { cause });
  }
  const lines = text.replace(/^\uFEFF/, '').split(/\r\n|\n|\r/);
  while (lines.length > 0 && lines.at(-1)?.trim() === '') lines.pop();
  return lines;
}
