/**
 * Zip archives of uncompressed entries, as PyTorch's are: where each entry's bytes lie in the file, so that tensors are read straight into
 * their own memory, synchronously. The owners' archives, compressed and untrusted, are read by `src/prepare/archive.ts`,
 * asynchronously and with yauzl's checks.
 */
import { readSync } from 'node:fs';
import { crc32 } from 'node:zlib';

/** Where the bytes of an uncompressed entry of a zip archive lie in its file. */
export interface ZipEntry {
  start: number;
  size: number;
}

const LOCAL = { signature: 0x04034b50, bytes: 30 };
const CENTRAL = { signature: 0x02014b50, bytes: 46 };
const END = { signature: 0x06054b50, bytes: 22 };
const LOCATOR_64 = { signature: 0x07064b50, bytes: 20 };
const END_64 = { signature: 0x06064b50, bytes: 56 };
const MAX_COMMENT = 0xffff;
/** Stands in a 32-bit field whose value is in the zip64 extra field. */
const IN_EXTRA = 0xffffffff;
const EXTRA_64 = 1;
const STORED = 0;

/** Whether a file's first bytes are those of a zip archive. */
export function startsZip(bytes: Buffer): boolean {
  return bytes.length >= 4 && bytes.readUInt32LE(0) === LOCAL.signature;
}

/**
 * The entries of a zip archive (zip64 too) that are stored without compression, by name; PyTorch compresses none. `file` is a
 * descriptor, `size` the file's length. Throws an `Error` that says what is wrong with the archive.
 */
export function readZipDirectory(file: number, size: number): Map<string, ZipEntry> {
  const { offset, bytes, count } = findDirectory(file, size);
  if (offset + bytes > size) throw new Error('its directory lies outside the file');
  const directory = readAt(file, offset, bytes);
  const entries = new Map<string, ZipEntry>();
  let at = 0;
  for (let i = 0; i < count; i++) {
    if (at + CENTRAL.bytes > bytes || directory.readUInt32LE(at) !== CENTRAL.signature)
      throw new Error('its directory is damaged');
    const [nameBytes, extraBytes, commentBytes] = [28, 30, 32].map((field) => directory.readUInt16LE(at + field)) as Lengths;
    const name = directory.toString('utf8', at + CENTRAL.bytes, at + CENTRAL.bytes + nameBytes);
    const extra = directory.subarray(at + CENTRAL.bytes + nameBytes, at + CENTRAL.bytes + nameBytes + extraBytes);
    if (directory.readUInt16LE(at + 10) === STORED) entries.set(name, locate(file, size, name, directory.subarray(at), extra));
    at += CENTRAL.bytes + nameBytes + extraBytes + commentBytes;
  }
  return entries;
}

type Lengths = [number, number, number];

function findDirectory(file: number, size: number): { offset: number; bytes: number; count: number } {
  const tailBytes = Math.min(size, END.bytes + MAX_COMMENT);
  const tail = readAt(file, size - tailBytes, tailBytes);
  const signature = Buffer.alloc(4);
  signature.writeUInt32LE(END.signature);
  const end = tail.lastIndexOf(signature);
  if (end < 0 || end + END.bytes > tail.length) throw new Error('its end is missing');
  const locatorAt = size - tailBytes + end - LOCATOR_64.bytes;
  const locator = locatorAt >= 0 ? readAt(file, locatorAt, LOCATOR_64.bytes) : null;
  if (locator?.readUInt32LE(0) === LOCATOR_64.signature) return findDirectory64(file, size, number64(locator, 8));
  return { count: tail.readUInt16LE(end + 10), bytes: tail.readUInt32LE(end + 12), offset: tail.readUInt32LE(end + 16) };
}

function findDirectory64(file: number, size: number, at: number): { offset: number; bytes: number; count: number } {
  if (at + END_64.bytes > size) throw new Error('its zip64 end lies outside the file');
  const end = readAt(file, at, END_64.bytes);
  if (end.readUInt32LE(0) !== END_64.signature) throw new Error('its zip64 end is damaged');
  return { count: number64(end, 32), bytes: number64(end, 40), offset: number64(end, 48) };
}

/** The data stand after a local header whose extra field may differ from the directory's: PyTorch pads with it. */
function locate(file: number, fileSize: number, name: string, entry: Buffer, extra: Buffer): ZipEntry {
  let size = entry.readUInt32LE(24);
  let header = entry.readUInt32LE(42);
  const wide = wideFields(extra);
  if (size === IN_EXTRA) size = wide.shift() ?? fileSize;
  // The compressed size, equal to the other, has a field of its own.
  if (entry.readUInt32LE(20) === IN_EXTRA) wide.shift();
  if (header === IN_EXTRA) header = wide.shift() ?? fileSize;
  if (header + LOCAL.bytes > fileSize) throw new Error(`its entry ${name} lies outside the file`);
  const local = readAt(file, header, LOCAL.bytes);
  if (local.readUInt32LE(0) !== LOCAL.signature) throw new Error(`its entry ${name} is damaged`);
  const start = header + LOCAL.bytes + local.readUInt16LE(26) + local.readUInt16LE(28);
  if (start + size > fileSize) throw new Error(`its entry ${name} lies outside the file`);
  return { start, size };
}

/** The 64-bit values of the zip64 extra field, in the order of the fields that they stand for. */
function wideFields(extra: Buffer): number[] {
  for (let at = 0; at + 4 <= extra.length; at += 4 + extra.readUInt16LE(at + 2)) {
    if (extra.readUInt16LE(at) !== EXTRA_64) continue;
    const end = Math.min(at + 4 + extra.readUInt16LE(at + 2), extra.length);
    const values: number[] = [];
    for (let field = at + 4; field + 8 <= end; field += 8) values.push(number64(extra, field));
    return values;
  }
  return [];
}

function number64(bytes: Buffer, at: number): number {
  return Number(bytes.readBigUInt64LE(at));
}

function readAt(file: number, position: number, length: number): Buffer {
  const bytes = Buffer.alloc(length);
  let done = 0;
  while (done < length) {
    const read = readSync(file, bytes, done, length - done, position + done);
    if (read === 0) throw new Error('it ends too early');
    done += read;
  }
  return bytes;
}

/** The data of every entry begin at a multiple of this, as PyTorch's do, so that it can map them into memory. */
const ALIGNMENT = 64;
const PADDING = { id: 0x4246, header: 4 };
const VERSION = 20;
const MAX_ARCHIVE = 0xffffffff;

/** The bytes of a zip archive of uncompressed entries, piece by piece. Throws an `Error` beyond 4 GiB. */
export function* zipPieces(entries: Iterable<readonly [name: string, bytes: Uint8Array]>): Generator<Uint8Array> {
  const directory: Buffer[] = [];
  let at = 0;
  for (const [name, bytes] of entries) {
    const common = commonFields(name, bytes);
    const header = localHeader(name, common, at);
    directory.push(centralHeader(name, common, at));
    at += header.length + bytes.length;
    if (at > MAX_ARCHIVE) throw new Error('it would be larger than 4 GiB');
    yield header;
    yield bytes;
  }
  yield* directory;
  yield endOf(directory, at);
}

/** From the version that a reader needs to the length of the name: the same in both headers. */
function commonFields(name: string, bytes: Uint8Array): Buffer {
  const fields = Buffer.alloc(24); // flags, method (stored), time and date stay 0
  fields.writeUInt16LE(VERSION, 0);
  fields.writeUInt32LE(crc32(bytes), 10);
  fields.writeUInt32LE(bytes.length, 14);
  fields.writeUInt32LE(bytes.length, 18);
  fields.writeUInt16LE(Buffer.byteLength(name), 22);
  return fields;
}

function localHeader(name: string, common: Buffer, at: number): Buffer {
  const plain = at + LOCAL.bytes + Buffer.byteLength(name) + PADDING.header;
  const padding = Buffer.alloc(PADDING.header + Math.ceil(plain / ALIGNMENT) * ALIGNMENT - plain);
  padding.writeUInt16LE(PADDING.id, 0);
  padding.writeUInt16LE(padding.length - PADDING.header, 2);
  return Buffer.concat([number32(LOCAL.signature), common, number16(padding.length), Buffer.from(name), padding]);
}

function centralHeader(name: string, common: Buffer, at: number): Buffer {
  // Between the lengths and the offset: no extra field, no comment, first disk, no attributes.
  const parts = [number32(CENTRAL.signature), number16(VERSION), common, Buffer.alloc(12), number32(at), Buffer.from(name)];
  return Buffer.concat(parts);
}

function endOf(directory: readonly Buffer[], at: number): Buffer {
  const bytes = directory.reduce((sum, header) => sum + header.length, 0);
  const count = number16(directory.length);
  return Buffer.concat([number32(END.signature), Buffer.alloc(4), count, count, number32(bytes), number32(at), number16(0)]);
}

function number16(value: number): Buffer {
  const bytes = Buffer.alloc(2);
  bytes.writeUInt16LE(value);
  return bytes;
}

function number32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
}
