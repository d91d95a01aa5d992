/**
 * The format of a file of what is kept of pictures, their pixels or features: a page that says what that is, then `SLOTS` slots of one picture each. A slot
 * that nothing was written to is a hole, which takes no place on the disk. All numbers are little-endian.
 *
 *     page    'UAFERPIC'   u32 bytes of the key   u32 CRC-32 of the key   key   zeros
 *     slot    'SLOT'   u32 CRC-32 of what follows   16 bytes: whose   u64 size   i64 time   payload   zeros to a whole page
 */
import { createHash } from 'node:crypto';
import { crc32 } from 'node:zlib';

/** Also what file systems give out: no two slots share a block. */
export const PAGE = 4096;
/** More than any data set of faces has pictures; a file then ends far beyond what it takes on the disk. */
export const SLOTS = 2 ** 19;
/** Bytes of a slot before its payload. */
export const SLOT_HEADER = 40;

const FILE_MARK = Buffer.from('UAFERPIC');
const SLOT_MARK = Buffer.from('SLOT');
const KEY_AT = 16;
const NAME_BYTES = 16;

/** A source picture as it was when the payload was made. */
export interface PictureStamp {
  /** Bytes of the source. */
  size: bigint;
  /** When it was last changed, in nanoseconds. */
  time: bigint;
}

/** What a slot's first bytes say of it. */
export type SlotState = 'empty' | 'damaged' | (PictureStamp & { name: Buffer });

/** Bytes of a slot for payloads of `payloadBytes`. */
export function slotBytes(payloadBytes: number): number {
  return Math.ceil((SLOT_HEADER + payloadBytes) / PAGE) * PAGE;
}

/** Bytes of the whole file, holes included. */
export function fileBytes(payloadBytes: number): number {
  return PAGE + SLOTS * slotBytes(payloadBytes);
}

/** The 16 bytes by which a picture is found: of the SHA-256 of its path, and of what tells its variants apart. */
export function slotName(path: string): Buffer {
  return createHash('sha256').update(path).digest().subarray(0, NAME_BYTES);
}

/** The slot where the search for a picture begins; it goes on with those that follow. */
export function firstSlot(name: Buffer): number {
  return name.readUInt32LE(0) % SLOTS;
}

/** The first page. Throws `RangeError` for a key that doesn't fit. */
export function writePage(key: string): Buffer {
  const bytes = Buffer.from(key);
  if (KEY_AT + bytes.length > PAGE) throw new RangeError(`the key takes ${bytes.length} bytes, more than a page`);
  const page = Buffer.alloc(PAGE);
  FILE_MARK.copy(page);
  page.writeUInt32LE(bytes.length, 8);
  page.writeUInt32LE(crc32(bytes), 12);
  bytes.copy(page, KEY_AT);
  return page;
}

/** The key of a first page; null for bytes that are none. */
export function readPage(page: Buffer): string | null {
  if (page.length < KEY_AT || !page.subarray(0, FILE_MARK.length).equals(FILE_MARK)) return null;
  const key = page.subarray(KEY_AT, KEY_AT + page.readUInt32LE(8));
  return key.length === page.readUInt32LE(8) && crc32(key) === page.readUInt32LE(12) ? key.toString() : null;
}

/** A whole slot. */
export function writeSlot(name: Buffer, { size, time }: PictureStamp, payload: Uint8Array): Buffer {
  const slot = Buffer.alloc(slotBytes(payload.length));
  SLOT_MARK.copy(slot);
  name.copy(slot, 8);
  slot.writeBigUInt64LE(size, 24);
  slot.writeBigInt64LE(time, 32);
  slot.set(payload, SLOT_HEADER);
  slot.writeUInt32LE(crc32(slot.subarray(8, SLOT_HEADER + payload.length)), 4);
  return slot;
}

/** What the first `SLOT_HEADER` bytes of a slot say; fewer, at the end of a file that was cut off, say nothing. */
export function readSlotHeader(bytes: Buffer): SlotState {
  if (bytes.length < SLOT_HEADER) return bytes.length === 0 ? 'empty' : 'damaged';
  if (!bytes.subarray(0, 4).equals(SLOT_MARK))
    return bytes.subarray(0, SLOT_HEADER).every((byte) => byte === 0) ? 'empty' : 'damaged';
  return { name: bytes.subarray(8, 24), size: bytes.readBigUInt64LE(24), time: bytes.readBigInt64LE(32) };
}

/** The payload of a slot; null where they or what stands before them are not what was written. */
export function readSlotPayload(slot: Buffer, payloadBytes: number): Uint8Array | null {
  const end = SLOT_HEADER + payloadBytes;
  if (slot.length < end || crc32(slot.subarray(8, end)) !== slot.readUInt32LE(4)) return null;
  return slot.subarray(SLOT_HEADER, end);
}
