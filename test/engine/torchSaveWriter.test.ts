import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, describe, expect, test } from 'vitest';
import { type DType, ops, readWeights, scope, type Tensor, tensor, toArray, writeTorchSave } from '#uafer/engine/index.js';
import { missingModules, runPython } from '../support/python.js';

const folder = mkdtempSync(join(tmpdir(), 'uafer-torch-write-'));
afterAll(() => rmSync(folder, { recursive: true }));

const DTYPES: DType[] = ['float32', 'float64', 'float16', 'bfloat16', 'int64', 'int32', 'int16', 'int8', 'uint8', 'bool'];

/** 0 and 1 in turns, which each dtype can hold. */
function tensorOf(dtype: DType, shape: readonly number[]): Tensor {
  const count = shape.reduce((a, b) => a * b, 1);
  return scope(() =>
    ops.toDtype(
      tensor(
        Array.from({ length: count }, (_, i) => i % 2),
        shape,
      ),
      dtype,
    ),
  );
}

describe('writeTorchSave', () => {
  test('writes what reads back the same', () => {
    const path = join(folder, 'round.pth');
    const shape = fc.array(fc.nat(4), { maxLength: 3 });
    const name = fc.string({ unit: 'grapheme', minLength: 1 });
    const contents = fc.dictionary(name, fc.tuple(fc.constantFrom(...DTYPES), shape), { minKeys: 1, maxKeys: 5 });
    fc.assert(
      fc.property(contents, (stored) => {
        const written = Object.fromEntries(
          Object.entries(stored).map(([key, [dtype, sides]]) => [key, tensorOf(dtype, sides)]),
        );
        writeTorchSave(path, written);
        const read = readWeights(path);
        expect(Object.keys(read)).toEqual(Object.keys(written));
        for (const [key, expected] of Object.entries(written)) {
          const found = read[key] as Tensor;
          expect([found.dtype, found.shape, toArray(found)]).toEqual([expected.dtype, expected.shape, toArray(expected)]);
        }
      }),
      { numRuns: 30 },
    );
  });

  test('leaves the file that was there, and nothing beside it, when it cannot write', () => {
    const path = join(folder, 'kept.pth');
    writeFileSync(path, 'before');
    const disposed = tensor([1], [1]);
    disposed.dispose();
    expect(() => writeTorchSave(path, { a: tensor([1], [1]), b: disposed })).toThrow(/disposed/);
    expect(readFileSync(path, 'utf8')).toBe('before');
    expect(() => readFileSync(`${path}.partial`)).toThrow(/ENOENT/);
  });

  const missing = missingModules('torch');
  test.skipIf(missing)(missing ?? 'is opened by torch.load, safely and mapped into memory, as a sound zip archive', () => {
    const path = join(folder, 'ours.pth');
    const weights = Object.fromEntries(DTYPES.map((dtype) => [`the.${dtype}`, tensorOf(dtype, [2, 3])]));
    writeTorchSave(path, {
      ...weights,
      transposed: ops.transpose(tensor([1, 2, 3, 4, 5, 6], [2, 3]), 0, 1),
      größe: tensor([7], []),
    });
    const code = `
import json, sys, zipfile, torch
assert zipfile.ZipFile(sys.argv[1]).testzip() is None
for mmap in (False, True):
    state = torch.load(sys.argv[1], weights_only=True, mmap=mmap)
    print(json.dumps({k: [str(v.dtype)[6:], v.tolist()] for k, v in state.items()}))`;
    const [loaded, mapped] = runPython({ code }, path)
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(mapped).toEqual(loaded);
    expect(Object.keys(loaded)).toEqual([...Object.keys(weights), 'transposed', 'größe']);
    expect(loaded.transposed).toEqual([
      'float32',
      [
        [1, 4],
        [2, 5],
        [3, 6],
      ],
    ]);
    expect(loaded.größe).toEqual(['float32', 7]);
    for (const dtype of DTYPES)
      expect(loaded[`the.${dtype}`]).toEqual([
        dtype,
        [
          [0, 1, 0],
          [1, 0, 1],
        ].map((row) => row.map((x) => (dtype === 'bool' ? x === 1 : x))),
      ]);
  });
});
