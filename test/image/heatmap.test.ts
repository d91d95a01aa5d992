import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { heatmapAt, topPatches } from '#uafer/image/heatmap.js';

describe('heatmapAt', () => {
  it('takes the rows of one picture apart by class', () => {
    // Two pictures of 2 x 2 patches and two classes: patch by patch, class by class.
    const affinities = Float32Array.from({ length: 16 }, (_, i) => i);
    const form = { rows: 2, columns: 2, topk: 1, classes: ['happy', 'sad'] };
    expect(heatmapAt(affinities, 1, form)).toEqual({
      rows: 2,
      columns: 2,
      topk: 1,
      classes: { happy: [8, 10, 12, 14], sad: [9, 11, 13, 15] },
    });
  });
});

describe('topPatches', () => {
  it('names the largest first, and the earlier of equal ones', () => {
    expect(topPatches([0.1, 0.5, -1, 0.5, 0.9], 3)).toEqual([4, 1, 3]);
  });

  it('names patches whose mean is the largest that so many can have', () => {
    const values = fc.array(fc.float({ noNaN: true, min: -1, max: 1 }), { minLength: 1, maxLength: 40 });
    fc.assert(
      fc.property(values, fc.integer({ min: 1, max: 40 }), (affinities, topk) => {
        const chosen = topPatches(affinities, topk);
        const kept = affinities.toSorted((a, b) => b - a).slice(0, topk);
        expect(chosen.map((patch) => affinities[patch])).toEqual(kept);
        expect(new Set(chosen).size).toBe(chosen.length);
      }),
    );
  });
});
