/**
 * Zip archives as data sets come in: compressed, and not to be trusted (read by yauzl; `src/engine/zip.ts` says why there are two). What
 * they claim is checked before memory is taken for it.
 */
import { closeSync, read as readFile } from 'node:fs';
import { promisify } from 'node:util';
import { crc32, createInflateRaw } from 'node:zlib';
import { type Entry, fromFdPromise, type ZipFile } from 'yauzl';
import { UaferError } from '../errors.js';
import { isLitter } from '../files.js';
import { type FileKind, openRegularFile, requireSize } from '../regularFiles.js';
import { shown } from '../shown.js';
import { reasonOf } from '../systemErrors.js';

/** A file in an archive: its name, size and checksum. */
export type ArchiveEntry = Entry;

export interface Archive {
  /** The files by their names, litter left out. */
  entries: ReadonlyMap<string, ArchiveEntry>;
  /** Unpacks a file. Throws `code` with its name where it cannot be what `kind` says or is damaged, `DATA` where it is encrypted. */
  read(entry: ArchiveEntry, kind: FileKind, code: 'DATA' | 'IMAGE'): Promise<Buffer>;
  close(): void;
}

interface OpenFile {
  path: string;
  zip: ZipFile;
  /** Its descriptor, which closes with `zip`. */
  file: number;
}

/** Entries of an archive: twice AffectNet's 420,000 pictures, the most that a data set has. Each takes a kilobyte here. */
const MOST_ENTRIES = 1_000_000;

/** Opens an archive and reads what it holds. Throws `DATA` where it is no whole archive, or one that no data set would come in. */
export async function openArchive(path: string): Promise<Archive> {
  let zip: ZipFile | undefined;
  try {
    const file = openRegularFile(path);
    zip = await fromFdPromise(file, { autoClose: false }).catch((cause) => {
      closeSync(file);
      throw cause;
    });
    const open: OpenFile = { path, zip, file };
    const read: Archive['read'] = (entry, kind, code) => readEntry(open, entry, kind, code);
    return { entries: await readEntries(zip), read, close: () => open.zip.close() };
  } catch (cause) {
    zip?.close();
    throw new UaferError('DATA', `${path} cannot be read: ${reasonOf(cause)}. Was it downloaded whole?`, { cause });
  }
}

async function readEntries(zip: ZipFile): Promise<Map<string, Entry>> {
  if (zip.entryCount > MOST_ENTRIES)
    throw new Error(`it says that it holds ${zip.entryCount} files, and a data set has ${MOST_ENTRIES} at most`);
  const entries = new Map<string, Entry>();
  let packed = 0;
  for await (const entry of zip.eachEntry()) {
    packed += entry.compressedSize;
    if (!entry.fileName.endsWith('/') && !entry.fileName.split('/').some(isLitter)) entries.set(entry.fileName, entry);
  }
  // The same bytes would be unpacked over and over.
  if (packed > zip.fileSize) throw new Error('its files overlap');
  return entries;
}

async function readEntry(archive: OpenFile, entry: Entry, kind: FileKind, code: 'DATA' | 'IMAGE'): Promise<Buffer> {
  const where = shown(`${archive.path}/${entry.fileName}`);
  if (entry.isEncrypted())
    throw new UaferError('DATA', `${where} is encrypted: unpack the archive with the password that its owners gave you`);
  try {
    for (const size of [entry.compressedSize, entry.uncompressedSize]) requireSize(size, kind);
    const bytes = await unpacked(await packedBytes(archive, entry), entry);
    if (crc32(bytes) !== entry.crc32) throw new Error('its checksum is wrong');
    return bytes;
  } catch (cause) {
    throw new UaferError(code, `${where} cannot be unpacked: ${reasonOf(cause)}`, { cause });
  }
}

/** Read by place: yauzl's own streams end the process when one is left before its end. */
async function packedBytes({ zip, file }: OpenFile, entry: Entry): Promise<Buffer> {
  const { fileDataStart } = await zip.readLocalFileHeaderPromise(entry, { minimal: true });
  const bytes = Buffer.allocUnsafeSlow(entry.compressedSize);
  for (let done = 0; done < bytes.length; ) {
    const { bytesRead } = await readAt(file, bytes, done, bytes.length - done, fileDataStart + done);
    if (bytesRead === 0) throw new Error('the archive is cut off');
    done += bytesRead;
  }
  return bytes;
}

const readAt = promisify(readFile);
const STORED = 0;
const DEFLATED = 8;

/** Piece by piece into as much memory as the archive says that the file takes; one that takes more or less is refused. */
async function unpacked(packed: Buffer, { compressionMethod, uncompressedSize }: Entry): Promise<Buffer> {
  if (compressionMethod !== STORED && compressionMethod !== DEFLATED)
    throw new Error(`it is packed by method ${compressionMethod}, which is not known here: unpack the archive`);
  const bytes = Buffer.allocUnsafeSlow(uncompressedSize);
  const pieces: AsyncIterable<Buffer> | Buffer[] = compressionMethod === STORED ? [packed] : createInflateRaw().end(packed);
  let done = 0;
  for await (const piece of pieces) {
    if (done + piece.length > bytes.length) throw new Error('it holds more than the archive says');
    done += piece.copy(bytes, done);
  }
  if (done < bytes.length) throw new Error('it holds less than the archive says');
  return bytes;
}
