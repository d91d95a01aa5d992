import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  fileBytes,
  firstSlot,
  PAGE,
  readPage,
  readSlotHeader,
  readSlotPayload,
  SLOT_HEADER,
  SLOTS,
  slotBytes,
  slotName,
  writePage,
  writeSlot,
} from '#uafer/data/pictureFile.js';

const stamps = fc.record({ size: fc.bigInt(0n, 2n ** 53n), time: fc.bigInt(-(2n ** 62n), 2n ** 62n) });
const pictures = fc.uint8Array({ minLength: 1, maxLength: 9000 });

describe('the first page', () => {
  it('says the key that was written', () => {
    fc.assert(
      fc.property(fc.string({ maxLength: 500 }), (key) => {
        expect(readPage(writePage(key))).toBe(Buffer.from(key).toString());
      }),
    );
  });

  it('says nothing once a byte of it is another, and of any other bytes', () => {
    const key = '{"imageSize":224}';
    const change = fc.tuple(fc.integer({ min: 0, max: 15 + key.length }), fc.integer({ min: 1, max: 255 }));
    fc.assert(
      fc.property(change, ([at, by]) => {
        const page = writePage(key);
        page[at] = (page[at] as number) ^ by;
        expect(readPage(page)).toBeNull();
      }),
    );
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 2 * PAGE }), (bytes) => {
        expect(readPage(Buffer.from(bytes))).toBeNull();
      }),
    );
  });

  it('takes no key that is longer than it', () => {
    expect(() => writePage('x'.repeat(PAGE))).toThrow(RangeError);
  });
});

describe('a slot', () => {
  it('gives back whose it is, stamp and pixels, and fills whole pages', () => {
    fc.assert(
      fc.property(fc.string(), stamps, pictures, (path, stamp, pixels) => {
        const slot = writeSlot(slotName(path), stamp, pixels);
        expect(slot).toHaveLength(slotBytes(pixels.length));
        expect(slot.length % PAGE).toBe(0);
        expect(readSlotHeader(slot)).toEqual({ name: slotName(path), ...stamp });
        expect(Buffer.from(readSlotPayload(slot, pixels.length) as Uint8Array).equals(pixels)).toBe(true);
      }),
    );
  });

  it('gives no pixels once a byte is another or it is cut off', () => {
    fc.assert(
      fc.property(stamps, pictures, fc.nat(), fc.integer({ min: 1, max: 255 }), (stamp, pixels, place, by) => {
        const slot = writeSlot(slotName('a.png'), stamp, pixels);
        const end = SLOT_HEADER + pixels.length;
        expect(readSlotPayload(slot.subarray(0, place % end), pixels.length)).toBeNull();
        const at = 4 + (place % (end - 4));
        slot[at] = (slot[at] as number) ^ by;
        expect(readSlotPayload(slot, pixels.length)).toBeNull();
      }),
    );
  });

  it('is empty where nothing was written, and damaged where neither zeros nor a slot stand', () => {
    expect(readSlotHeader(Buffer.alloc(SLOT_HEADER))).toBe('empty');
    expect(readSlotHeader(Buffer.alloc(0))).toBe('empty');
    const others = fc
      .uint8Array({ minLength: 1, maxLength: 100 })
      .filter((bytes) => bytes[0] !== 0 && bytes[0] !== 'S'.charCodeAt(0));
    fc.assert(
      fc.property(others, (bytes) => {
        expect(readSlotHeader(Buffer.from(bytes))).toBe('damaged');
      }),
    );
  });
});

it('begins the search for every picture within the file', () => {
  fc.assert(
    fc.property(fc.string(), (path) => {
      const slot = firstSlot(slotName(path));
      expect(slot).toBeGreaterThanOrEqual(0);
      expect(slot).toBeLessThan(SLOTS);
    }),
  );
  expect(fileBytes(1)).toBe(PAGE + SLOTS * PAGE);
});
