/** What tells that a file is still the one that was written. */
import { closeSync, openSync, readSync, statSync } from 'node:fs';
import { crc32 } from 'node:zlib';
import { UaferError } from '../errors.js';

/** Length and CRC-32 of a file: enough against damage, several times faster than a cryptographic hash. */
export interface Checksum {
  bytes: number;
  crc32: number;
}

/** What to do about a checkpoint that is damaged. */
export const REMEDY =
  'Put it back from a copy, or take another checkpoint of the run: the folder checkpoints/best can be copied over checkpoints/last to go ' +
  'on from there, and either can be evaluated by its path.';

const CHUNK = 4 * 2 ** 20;

/** The checksum of a file as it is now. */
export function checksumOf(path: string): Checksum {
  const file = openSync(path, 'r');
  try {
    const chunk = Buffer.allocUnsafe(CHUNK);
    const sum = { bytes: 0, crc32: 0 };
    for (let read = readSync(file, chunk); read > 0; read = readSync(file, chunk)) {
      sum.crc32 = crc32(chunk.subarray(0, read), sum.crc32);
      sum.bytes += read;
    }
    return sum;
  } finally {
    closeSync(file);
  }
}

/** Throws `CHECKPOINT` naming the file when it is gone or no longer what was written. */
export function verifyChecksum(path: string, written: Checksum): void {
  const size = statSync(path, { throwIfNoEntry: false })?.size;
  if (size === undefined) throw damaged(path, 'is missing');
  if (size !== written.bytes) throw damaged(path, `has ${size} bytes; ${written.bytes} were written`);
  if (checksumOf(path).crc32 !== written.crc32) throw damaged(path, 'is damaged: its checksum is not that of what was written');
}

function damaged(path: string, what: string): UaferError {
  return new UaferError('CHECKPOINT', `${path} ${what}. ${REMEDY}`);
}
