import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type DType, ops, scope, type Tensor, tensor, toArray } from '#uafer/engine/index.js';
import { readSafetensors, readSafetensorsHeader, writeSafetensors } from '#uafer/engine/safetensors.js';
import { UaferError } from '#uafer/errors.js';
import { missingModules, runPython } from '../support/python.js';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'uafer-safetensors-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

const DTYPES: DType[] = ['float32', 'float64', 'float16', 'bfloat16', 'int64', 'int32', 'int16', 'int8', 'uint8', 'bool'];

interface Stored {
  dtype: DType;
  shape: number[];
}

const storedTensor: fc.Arbitrary<Stored> = fc.record({
  dtype: fc.constantFrom(...DTYPES),
  shape: fc.array(fc.nat(4), { maxLength: 3 }),
});
const name = fc
  .oneof(fc.string({ unit: 'grapheme' }), fc.constantFrom('__proto__', '1', 'constructor', ''))
  .filter((text) => text !== '__metadata__');
const contents = fc.uniqueArray(fc.tuple(name, storedTensor), { selector: ([key]) => key, maxLength: 6 });

/** 0 or 1 in every element, which each dtype can hold. */
function tensorOf({ dtype, shape }: Stored): Tensor {
  const count = shape.reduce((a, b) => a * b, 1);
  return scope(() =>
    ops.toDtype(
      tensor(
        Array.from({ length: count }, (_, i) => ((i * 7) % 3) % 2),
        shape,
      ),
      dtype,
    ),
  );
}

describe('safetensors', () => {
  test('reads back what it wrote, whatever the names', () => {
    const path = join(folder, 'round.safetensors');
    fc.assert(
      fc.property(contents, fc.dictionary(fc.string(), fc.string()), (entries, metadata) => {
        const written = Object.fromEntries(entries.map(([key, stored]) => [key, tensorOf(stored)]));
        writeSafetensors(path, written, metadata);
        const read = readSafetensors(path);
        expect(Object.keys(read.tensors).sort()).toEqual(Object.keys(written).sort());
        expect(read.metadata).toEqual(metadata);
        for (const [key, { dtype, shape }] of entries) {
          const back = read.tensors[key] as Tensor;
          expect([back.dtype, [...back.shape]]).toEqual([dtype, shape]);
          expect(toArray(back)).toEqual(toArray(written[key] as Tensor));
        }
      }),
      // An object's prototype is a name like another.
      { numRuns: 60, examples: [[[], Object.fromEntries([['__proto__', 'text']])]] },
    );
  });

  test('refuses every truncation of a file', () => {
    const whole = example();
    const path = join(folder, 'cut.safetensors');
    for (let length = 0; length < whole.length; length++) {
      writeFileSync(path, whole.subarray(0, length));
      expectRefusal(path);
    }
  });

  test('refuses bytes at the end that belong to no tensor', () => {
    const path = join(folder, 'longer.safetensors');
    writeFileSync(path, Buffer.concat([example(), Buffer.alloc(1)]));
    expect(() => readSafetensors(path)).toThrow(/longer\.safetensors .*its tensors end at byte 32 of 33/);
  });

  test('reads a damaged file or refuses it, and never fails in another way', () => {
    const whole = example();
    const path = join(folder, 'damaged.safetensors');
    const changes = fc.array(fc.tuple(fc.nat(whole.length - 1), fc.nat(255)), { minLength: 1, maxLength: 4 });
    fc.assert(
      fc.property(changes, (bytes) => {
        const damaged = Buffer.from(whole);
        for (const [at, value] of bytes) damaged[at] = value;
        writeFileSync(path, damaged);
        try {
          readSafetensors(path);
        } catch (error) {
          expect(error).toBeInstanceOf(UaferError);
        }
      }),
      { numRuns: 500 },
    );
  });

  const entry = (begin: number, end: number) => ({ dtype: 'U8', shape: [end - begin], data_offsets: [begin, end] });
  test.each([
    ['tensors that overlap', { a: entry(0, 4), b: entry(2, 6) }, 6, /"b" begins at byte 2 of the data; expected 4/],
    ['a gap between tensors', { a: entry(0, 4), b: entry(5, 6) }, 6, /"b" begins at byte 5 of the data; expected 4/],
    ['a tensor outside the data', { a: entry(0, 9) }, 6, /"a" lies at 0 to 9, outside the 6 bytes/],
    ['a size that does not fit the shape', { a: { ...entry(0, 6), shape: [5] } }, 6, /"a" has 6 bytes; U8 \[5\] needs 5/],
    ['an unknown dtype', { a: { ...entry(0, 6), dtype: 'F8_E4M3' } }, 6, /"a" has a bad entry/],
    ['metadata that are no texts', { __metadata__: { a: 1 } }, 0, /__metadata__ must hold texts/],
    ['a list for a header', [], 0, /its header is not a JSON object/],
  ])('refuses %s', (_, header, dataBytes, message) => {
    const path = join(folder, 'header.safetensors');
    writeFileSync(path, file(Buffer.from(JSON.stringify(header)), dataBytes));
    expect(() => readSafetensorsHeader(path)).toThrow(message);
    expectRefusal(path);
  });

  test('takes tensors whose bytes stand in another order than their names', () => {
    const path = join(folder, 'order.safetensors');
    writeFileSync(path, file(Buffer.from(JSON.stringify({ b: entry(2, 3), a: entry(0, 2) })), 3, [1, 2, 3]));
    const { tensors } = readSafetensors(path);
    expect(toArray(tensors.a as Tensor)).toEqual([1, 2]);
    expect(toArray(tensors.b as Tensor)).toEqual([3]);
  });

  test('refuses a header that is not UTF-8', () => {
    const path = join(folder, 'latin1.safetensors');
    writeFileSync(path, file(Buffer.from(JSON.stringify({ é: entry(0, 1) }), 'latin1'), 1));
    expect(() => readSafetensors(path)).toThrow(/not a JSON object in UTF-8/);
  });

  test('names a file that is missing, or is a folder', () => {
    expect(() => readSafetensors(join(folder, 'none'))).toThrow(/none cannot be opened/);
    expect(() => readSafetensors(folder)).toThrow(/is not a file/);
  });

  test('leaves the file that was there when it cannot write', () => {
    const path = join(folder, 'kept.safetensors');
    writeSafetensors(path, { a: tensor([1], [1]) });
    const before = readFileSync(path);
    const disposed = tensor([2], [1]);
    disposed.dispose();
    expect(() => writeSafetensors(path, { a: disposed })).toThrow(UaferError);
    expect(readFileSync(path)).toEqual(before);
  });

  const missing = missingModules('torch', 'safetensors');
  test.skipIf(missing)(missing ?? "is opened by Python's safetensors, and opens its files", () => {
    const [ours, theirs] = [join(folder, 'ours.safetensors'), join(folder, 'theirs.safetensors')];
    const written = Object.fromEntries(DTYPES.map((dtype) => [`the ${dtype} – é`, tensorOf({ dtype, shape: [2, 3] })]));
    writeSafetensors(ours, written, { note: 'für Python' });
    const code = `
import sys
from safetensors import safe_open
from safetensors.torch import load_file, save_file
with safe_open(sys.argv[1], 'pt') as f:
    print(f.metadata()['note'])
save_file(load_file(sys.argv[1]), sys.argv[2], {'note': 'from Python'})`;
    expect(runPython({ code }, ours, theirs)).toBe('für Python\n');
    const { tensors, metadata } = readSafetensors(theirs);
    expect(metadata).toEqual({ note: 'from Python' });
    expect(Object.keys(tensors).sort()).toEqual(Object.keys(written).sort());
    for (const [key, expected] of Object.entries(written)) {
      expect(tensors[key]?.dtype).toBe(expected.dtype);
      expect(toArray(tensors[key] as Tensor)).toEqual(toArray(expected));
    }
  });
});

/** The bytes of a file with two tensors. */
function example(): Buffer {
  const path = join(folder, 'example.safetensors');
  writeSafetensors(path, { weight: tensor([1, 2, 3, 4, 5, 6], [2, 3]), count: tensor(new BigInt64Array([7n]), []) });
  return readFileSync(path);
}

function file(header: Buffer, dataBytes: number, data: readonly number[] = []): Buffer {
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(header.length));
  return Buffer.concat([length, header, Buffer.alloc(dataBytes).fill(Buffer.from(data.length > 0 ? data : [0]))]);
}

function expectRefusal(path: string): void {
  expect(() => readSafetensors(path)).toThrow(UaferError);
}
