import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ops, scope, tensor } from '#uafer/engine/index.js';
import { toHalf } from '#uafer/export/layers.js';

/** libtorch's rounding. */
const halves = (values: readonly number[]) =>
  Array.from(scope(() => Uint16Array.from(ops.toDtype(tensor(values, [values.length]), 'float16').data() as Uint16Array)));

describe('toHalf', () => {
  it('rounds to the nearest half, ties to even, as libtorch does', () => {
    const inRange = fc.float({ min: Math.fround(-65503), max: Math.fround(65503), noNaN: true });
    fc.assert(
      fc.property(fc.array(inRange, { minLength: 1, maxLength: 50 }), (values) => {
        expect(values.map(toHalf)).toEqual(halves(values));
      }),
      { numRuns: 300 },
    );
  });

  it('rounds small values, and those half-way between two halves', () => {
    const step = 2 ** -24;
    const small = [0, -0, step, step / 2, 1.5 * step, 2.5 * step, 1023.5 * step, 1024 * step, -3 * step, 6.1e-5, 1e-40];
    const ties = [1 + 2 ** -11, 1 + 3 * 2 ** -11, 2049, 2051, -4098, 65503];
    expect([...small, ...ties].map((value) => toHalf(Math.fround(value)))).toEqual(halves([...small, ...ties]));
  });

  it('refuses what halves cannot hold', () => {
    expect(() => toHalf(65520)).toThrow(/65520 is beyond what half precision holds/);
    expect(() => toHalf(Number.NaN)).toThrow(RangeError);
  });
});
