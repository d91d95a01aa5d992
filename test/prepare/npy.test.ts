import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseNpy } from '#uafer/prepare/npy.js';
import { missingModules, runPython } from '../support/python.js';
import { doubleNpy, npy, textNpy } from '../support/rawSets.js';

describe('parseNpy', () => {
  it.each([
    ['a text that says a number', textNpy('7'), { shape: [], values: [7] }],
    ['a longer one', textNpy('-0.0526'), { shape: [], values: [-0.0526] }],
    ['big-endian numbers', npy('>i2', '(2, 1)', Buffer.from([1, 0, 255, 255])), { shape: [2, 1], values: [256, -1] }],
    ['64-bit integers', npy('<i8', '()', Buffer.from(BigInt64Array.of(5n).buffer)), { shape: [], values: [5] }],
    ['bytes', npy('|u1', '(3,)', Buffer.from([1, 2, 250])), { shape: [3], values: [1, 2, 250] }],
    ['texts of bytes', npy('|S2', '(2,)', Buffer.from('1\u000012')), { shape: [2], values: [1, 12] }],
    ['nothing', npy('<f4', '(0,)', Buffer.alloc(0)), { shape: [0], values: [] }],
  ])('reads %s', (_, file, expected) => {
    expect(parseNpy(file)).toEqual(expected);
  });

  it('gives back any doubles', () => {
    fc.assert(
      fc.property(fc.array(fc.double()), (values) => {
        expect(parseNpy(doubleNpy(values))).toEqual({ shape: [values.length], values });
      }),
    );
  });

  it.each<[string, Buffer, string]>([
    ['something else', Buffer.from('{"happy": 1}'), 'it is no .npy file'],
    ['nothing', Buffer.alloc(0), 'it is no .npy file'],
    ['half a header', textNpy('7').subarray(0, 40), 'it is cut off'],
    ['half the values', doubleNpy([1, 2, 3]).subarray(0, 140), 'it is cut off'],
    ['objects', npy('|O', '()', Buffer.alloc(8)), 'its header cannot be used'],
    ['complex numbers', npy('<c16', '()', Buffer.alloc(16)), 'kind c16, which no annotation has'],
    ['a word', textNpy('happy'), 'it says "happy", which is no number'],
    [
      'columns first',
      Buffer.from(npy('<f8', '(2, 2)', Buffer.alloc(32)).toString('latin1').replace('False', 'True '), 'latin1'),
      'it is in Fortran order',
    ],
  ])('refuses %s', (_, file, message) => {
    expect(() => parseNpy(file)).toThrow(message);
  });

  const missing = missingModules('numpy');
  it.skipIf(missing)(`reads what NumPy writes${missing ? `: ${missing}` : ''}`, () => {
    const folder = mkdtempSync(join(tmpdir(), 'uafer-npy-'));
    try {
      const save = (name: string, value: string) => `np.save(r'${join(folder, name)}', ${value})`;
      runPython({
        code: ['import numpy as np', save('exp', "'7'"), save('lnd', 'np.arange(136.0) / 3'), save('int', '3')].join('\n'),
      });
      const read = (name: string) => parseNpy(readFileSync(join(folder, `${name}.npy`)));
      expect(read('exp')).toEqual({ shape: [], values: [7] });
      expect(read('lnd')).toEqual({ shape: [136], values: Array.from({ length: 136 }, (_, i) => i / 3) });
      expect(read('int')).toEqual({ shape: [], values: [3] });
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});
