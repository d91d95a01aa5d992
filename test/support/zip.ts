import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { constants, crc32, deflateRawSync } from 'node:zlib';

const ENCRYPTED = 1;
const DEFLATED = 8;
const BLOCK = 2 ** 24;

/** An entry that is packed already; the archive says of it what stands here, true or not. */
export interface PackedEntry {
  data: Buffer;
  size: number;
  checksum: number;
}

export interface ZipOptions {
  /** Marks the entries as encrypted. */
  encrypted?: boolean;
  /** Every entry's bytes are those of the first. */
  overlapping?: boolean;
  /** Entries that the archive claims to have (in the fields of zip64). */
  claimedEntries?: number;
}

/** Writes a zip archive with deflated entries, as the owners of data sets do, or what passes for one. */
export function writeZip(
  file: string,
  entries: Readonly<Record<string, Uint8Array | PackedEntry>>,
  { encrypted = false, overlapping = false, claimedEntries }: ZipOptions = {},
): void {
  const local: Buffer[] = [];
  const central: Buffer[] = [];
  let offset = 0;
  for (const [name, bytes] of Object.entries(entries)) {
    const { data, size, checksum } = 'data' in bytes ? bytes : packed(bytes);
    const path = Buffer.from(name);
    const common = Buffer.alloc(26);
    [20, encrypted ? ENCRYPTED : 0, DEFLATED, 0, 0].forEach((value, i) => {
      common.writeUInt16LE(value, 2 * i);
    });
    [checksum, data.length, size].forEach((value, i) => {
      common.writeUInt32LE(value, 10 + 4 * i);
    });
    common.writeUInt16LE(path.length, 22);
    const header = Buffer.concat([Buffer.from('PK\x03\x04'), common, path, data]);
    const tail = Buffer.alloc(14);
    tail.writeUInt32LE(offset, 10);
    central.push(Buffer.concat([Buffer.from('PK\x01\x02\x14\x00', 'latin1'), common, tail, path]));
    if (overlapping && local.length > 0) continue;
    local.push(header);
    if (!overlapping) offset += header.length;
  }
  const start = Buffer.concat(local);
  const directory = Buffer.concat(central);
  const end = Buffer.alloc(22);
  end.write('PK\x05\x06', 'latin1');
  [central.length, central.length].forEach((value, i) => {
    end.writeUInt16LE(claimedEntries === undefined ? value : 0xffff, 8 + 2 * i);
  });
  end.writeUInt32LE(directory.length, 12);
  end.writeUInt32LE(start.length, 16);
  const end64 = claimedEntries === undefined ? Buffer.alloc(0) : zip64(claimedEntries, directory.length, start.length);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, Buffer.concat([start, directory, end64, end]));
}

/** So many zeros, packed to a thousandth, of which the archive says that they are `claimed`. */
export function zeros(size: number, claimed = size): PackedEntry {
  const block = Buffer.alloc(BLOCK);
  // After a full flush blocks of packed bytes can stand one after the other in any number.
  const packedBlock = deflateRawSync(block, { finishFlush: constants.Z_FULL_FLUSH });
  const blocks = Array.from({ length: Math.floor(size / BLOCK) }, () => packedBlock);
  const rest = block.subarray(0, size % BLOCK);
  const checksum = crc32(
    rest,
    blocks.reduce((sum) => crc32(block, sum), 0),
  );
  return { data: Buffer.concat([...blocks, deflateRawSync(rest)]), size: claimed, checksum };
}

function packed(bytes: Uint8Array): PackedEntry {
  return { data: deflateRawSync(bytes), size: bytes.length, checksum: crc32(bytes) };
}

/** The end of a zip64 archive's directory, and where it stands. */
function zip64(count: number, directoryBytes: number, directoryAt: number): Buffer {
  const end = Buffer.alloc(56);
  end.write('PK\x06\x06', 'latin1');
  [44, count, count, directoryBytes, directoryAt].forEach((value, i) => {
    end.writeBigUInt64LE(BigInt(value), [4, 24, 32, 40, 48][i]);
  });
  const locator = Buffer.alloc(20);
  locator.write('PK\x06\x07', 'latin1');
  locator.writeBigUInt64LE(BigInt(directoryAt + directoryBytes), 8);
  locator.writeUInt32LE(1, 16);
  return Buffer.concat([end, locator]);
}
