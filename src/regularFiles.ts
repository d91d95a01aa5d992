/**
 * Opening and reading what was named from outside: regular files only, of a size that they can have. A FIFO or a device would block its
 * reader or never end.
 */
import { closeSync, constants, fstatSync, openSync, readSync, type Stats, statSync } from 'node:fs';
import { open, stat } from 'node:fs/promises';

/** What a file is taken for. */
export type FileKind = 'picture' | 'packedPicture' | 'list' | 'annotation' | 'configuration';

/** What each kind takes at most, in bytes: several times what the largest real one takes. */
const LARGEST: Readonly<Record<FileKind, { name: string; bytes: number }>> = {
  /** 150 megapixels, which the largest cameras have, take 450 MB without compression. sharp's own limit is 268 megapixels. */
  picture: { name: 'a picture', bytes: 2 ** 29 },
  /** 16 megapixels without compression; faces in data sets take less. An archive's thousandth of it unpacks to so much, so it is less. */
  packedPicture: { name: 'a picture in an archive', bytes: 2 ** 26 },
  /** AffectNet's list of 420,000 names takes 30 MB. */
  list: { name: 'a list', bytes: 2 ** 28 },
  /** What owners say of one picture: 68 points take 3 kB. */
  annotation: { name: 'an annotation', bytes: 2 ** 20 },
  /** The longest recipe takes 4 kB. */
  configuration: { name: 'a configuration', bytes: 2 ** 20 },
};

/** Without it, opening a FIFO waits for a writer. Windows has neither. */
const WITHOUT_WAITING = constants.O_RDONLY | (constants.O_NONBLOCK ?? 0);

/**
 * Opens a regular file for reading and returns its descriptor. Throws the system's error, or an `Error` that says what the file is instead.
 * What is no file is not opened at all; what becomes one in between is closed again.
 */
export function openRegularFile(path: string): number {
  requireFile(statSync(path));
  const file = openSync(path, WITHOUT_WAITING);
  try {
    requireFile(fstatSync(file));
    return file;
  } catch (error) {
    closeSync(file);
    throw error;
  }
}

/** The bytes of a regular file. Throws as `openRegularFile`, and an `Error` where it is larger than its kind can be. */
export function readRegularFileSync(path: string, kind: FileKind): Buffer {
  const file = openRegularFile(path);
  try {
    const bytes = Buffer.allocUnsafeSlow(sizeOf(fstatSync(file), kind));
    let done = 0;
    for (let read = -1; done < bytes.length && read !== 0; done += read)
      read = readSync(file, bytes, done, bytes.length - done, done);
    return bytes.subarray(0, done);
  } finally {
    closeSync(file);
  }
}

/** As `readRegularFileSync`, without holding up the thread. */
export async function readRegularFile(path: string, kind: FileKind): Promise<Buffer> {
  requireFile(await stat(path));
  const file = await open(path, WITHOUT_WAITING);
  try {
    const stats = await file.stat();
    requireFile(stats);
    const bytes = Buffer.allocUnsafeSlow(sizeOf(stats, kind));
    let done = 0;
    for (let read = -1; done < bytes.length && read !== 0; done += read)
      read = (await file.read(bytes, done, bytes.length - done, done)).bytesRead;
    return bytes.subarray(0, done);
  } finally {
    await file.close();
  }
}

function requireFile(stats: Stats): void {
  if (!stats.isFile()) throw new Error(`it is not a file but ${whatItIs(stats)}`);
}

function whatItIs(stats: Stats): string {
  if (stats.isDirectory()) return 'a folder';
  if (stats.isFIFO()) return 'a FIFO';
  return stats.isSocket() ? 'a socket' : 'a device';
}

function sizeOf({ size }: Stats, kind: FileKind): number {
  requireSize(size, kind);
  return size;
}

/** Throws an `Error` where so many bytes are more than a file of this kind can have. */
export function requireSize(bytes: number, kind: FileKind): void {
  const { name, bytes: most } = LARGEST[kind];
  if (bytes > most) throw new Error(`it holds ${megabytes(bytes)} MB, and ${name} takes ${megabytes(most)} MB at most`);
}

function megabytes(bytes: number): string {
  return (bytes / 1e6).toFixed(0);
}
