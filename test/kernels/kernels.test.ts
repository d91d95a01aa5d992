import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { kernels } from '#uafer/kernels/kernels.js';

const VECTOR = 16;

describe('kernels', () => {
  it('gives blocks that lie apart by a vector, in memory that holds them', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(300_000), { maxLength: 8 }), (sizes) => {
        const { places, bytes } = kernels(...sizes);
        expect(places).toHaveLength(sizes.length);
        places.forEach((place, i) => {
          expect(place % VECTOR).toBe(0);
          const next = places[i + 1] ?? bytes.length;
          expect(next - (place + (sizes[i] as number))).toBeGreaterThanOrEqual(VECTOR);
        });
      }),
    );
  });

  it('keeps its memory, but not that of a huge picture', () => {
    const small = kernels(1000).bytes.buffer;
    expect(kernels(2000).bytes.buffer).toBe(small);
    const huge = kernels(40_000_000).bytes;
    expect(huge.length).toBeGreaterThan(40_000_000);
    expect(kernels(1000).bytes.length).toBeLessThan(17_000_000);
    expect(huge.length).toBeGreaterThan(40_000_000);
  });
});
