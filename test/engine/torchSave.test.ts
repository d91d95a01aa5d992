import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import { scope, type Tensor, toArray } from '#uafer/engine/index.js';
import { readPickle } from '#uafer/engine/pickle.js';
import { readTorchSave } from '#uafer/engine/torchSave.js';
import { UaferError } from '#uafer/errors.js';

// Files of test/support/make_checkpoints.py.
const file = (name: string) => fileURLToPath(new URL(`../fixtures/checkpoints/${name}`, import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'uafer-torch-save-'));
afterAll(() => rmSync(folder, { recursive: true }));

/** x of the file: 0 to 23 as (4, 6). */
const x = Array.from({ length: 24 }, (_, i) => i);

describe('readTorchSave', () => {
  const tensors = readTorchSave(file('odd.pth'));
  const tensor = (name: string) => tensors[`inner.${name}`] as Tensor;

  it('reads tensors that are views with any strides into memory of their own', () => {
    expect(tensor('transposed').shape).toEqual([6, 4]);
    expect(toArray(tensor('transposed'))).toEqual(Array.from({ length: 24 }, (_, i) => (i % 4) * 6 + Math.floor(i / 4)));
    expect(toArray(tensor('sliced'))).toEqual([6, 8, 10, 12, 14, 16]);
    expect(toArray(tensor('row'))).toEqual([12, 13, 14, 15, 16, 17]);
    expect(toArray(tensor('expanded'))).toEqual(new Array(12).fill(1));
    expect(tensor('row').data().length).toBe(6);
  });

  it('reads every type, empty tensors, scalars and parameters', () => {
    expect([tensor('bfloat16').dtype, toArray(tensor('bfloat16'))]).toEqual(['bfloat16', [0, 1, 2, 3, 4, 5]]);
    expect([tensor('bool').dtype, toArray(tensor('bool'))]).toEqual(['bool', [0, 0, 0, 1, 1, 1]]);
    expect([tensor('empty').shape, toArray(tensor('empty'))]).toEqual([[0, 3], []]);
    expect([tensor('scalar').shape, tensor('scalar').dtype, tensor('scalar').item()]).toEqual([[], 'int64', 7]);
    expect(toArray(tensor('parameter'))).toEqual(x.slice(6, 12));
    expect(tensor('parameter').requiresGrad).toBe(false);
  });

  it('passes over what is no tensor under a name', () => {
    expect(Object.keys(tensors).every((name) => name.startsWith('inner.'))).toBe(true);
    expect(Object.keys(tensors)).toHaveLength(9);
  });

  it('says of a saved module that its state_dict is wanted, and does not run it', () => {
    expect(() => readTorchSave(file('module.pth'))).toThrow(
      /module\.pth holds an object of the class torch\.nn\S+Linear; .*state_dict/,
    );
  });

  it('says so when a file is not there', () => {
    expect(() => readTorchSave(join(folder, 'none.pth'))).toThrow(/none\.pth cannot be opened/);
  });

  it('takes any damage without a crash: an error that names the file, or other numbers', () => {
    const whole = readFileSync(file('odd.pth'));
    const damagedFile = join(folder, 'damaged.pth');
    const damage = fc.oneof(
      fc.record({ cut: fc.nat(whole.length - 1) }),
      fc.record({ at: fc.nat(whole.length - 1), byte: fc.nat(255) }),
      fc.record({ at: fc.constantFrom(...positionsOf(whole)), byte: fc.nat(255) }),
    );
    fc.assert(
      fc.property(damage, (how) => {
        const bytes = Buffer.from(whole.subarray(0, 'cut' in how ? how.cut : whole.length));
        if ('at' in how) bytes[how.at] = how.byte;
        writeFileSync(damagedFile, bytes);
        try {
          scope(() => void readTorchSave(damagedFile));
        } catch (error) {
          expect(error).toBeInstanceOf(UaferError);
          expect((error as UaferError).message).toContain(damagedFile);
        }
      }),
      { numRuns: 150 },
    );
  });
});

describe('readPickle', () => {
  const archive = readFileSync(file('odd.pth'));
  const pickle = archive.subarray(pickleStart(archive), archive.indexOf(Buffer.from('PK', 'latin1'), pickleStart(archive)));

  it('takes any bytes without a crash: a value, or an error', () => {
    const damaged = fc.tuple(fc.nat(pickle.length - 1), fc.nat(255)).map(([at, byte]) => {
      const bytes = Buffer.from(pickle);
      bytes[at] = byte;
      return bytes;
    });
    const any = fc.uint8Array({ maxLength: 60 }).map((bytes) => Buffer.from(bytes));
    fc.assert(
      fc.property(fc.oneof(damaged, any), (bytes) => {
        try {
          readPickle(bytes);
        } catch (error) {
          expect((error as Error).message).toMatch(/pickle/);
        }
      }),
      { numRuns: 3000 },
    );
  });

  it('never calls what a pickle names', () => {
    const bytes = Buffer.from('cos\nsystem\nX\x04\x00\x00\x00true\x85R.', 'latin1');
    expect(readPickle(bytes)).toEqual({ kind: 'call', callable: { kind: 'global', name: 'os.system' }, args: ['true'] });
  });
});

/** Positions in the pickle and in the archive's directory, where a changed byte does most harm. */
function positionsOf(archive: Buffer): number[] {
  const directory = archive.indexOf(Buffer.from('PK\x01\x02', 'latin1'));
  const range = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => from + i);
  return [...range(pickleStart(archive), pickleStart(archive) + 1100), ...range(directory, archive.length)];
}

/** Where the first entry's protocol byte stands. */
function pickleStart(archive: Buffer): number {
  return archive.indexOf(Buffer.from([0x80, 0x04]));
}
