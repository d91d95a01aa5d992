import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { mergeSame } from '#uafer/faces/blazeface.js';
import { intersectionOverUnion, type ScoredBox, suppressNonMaxima } from '#uafer/faces/boxes.js';
import { pyramidScales, squareBox } from '#uafer/faces/mtcnn.js';

const coordinate = fc.integer({ min: -50, max: 300 });
const size = fc.integer({ min: 1, max: 120 });
const score = fc.double({ min: 0, max: 1, noNaN: true });
const box: fc.Arbitrary<ScoredBox> = fc
  .tuple(coordinate, coordinate, size, size, score)
  .map(([left, top, width, height, score]) => ({ left, top, right: left + width, bottom: top + height, score }));
const boxes = fc.array(box, { maxLength: 40 });
const threshold = fc.double({ min: 0, max: 1, noNaN: true });

const plain = (left: number, top: number, right: number, bottom: number, score: number): ScoredBox => ({
  left,
  top,
  right,
  bottom,
  score,
});

describe('intersectionOverUnion', () => {
  it('is right by hand', () => {
    expect(intersectionOverUnion(plain(0, 0, 10, 10, 1), plain(5, 0, 15, 10, 1))).toBeCloseTo(1 / 3, 12);
    expect(intersectionOverUnion(plain(0, 0, 10, 10, 1), plain(10, 0, 20, 10, 1))).toBe(0);
  });

  it('is symmetric, within 0 and 1, and 1 for a box with itself', () => {
    fc.assert(
      fc.property(box, box, (a, b) => {
        const overlap = intersectionOverUnion(a, b);
        expect(overlap).toBe(intersectionOverUnion(b, a));
        expect(overlap >= 0 && overlap <= 1).toBe(true);
        expect(intersectionOverUnion(a, a)).toBe(1);
      }),
    );
  });

  it('does not change when both boxes move and grow alike', () => {
    fc.assert(
      fc.property(box, box, coordinate, fc.integer({ min: 1, max: 8 }), (a, b, by, times) => {
        const moved = (one: ScoredBox) =>
          plain(
            (one.left + by) * times,
            (one.top - by) * times,
            (one.right + by) * times,
            (one.bottom - by) * times,
            one.score,
          );
        expect(intersectionOverUnion(moved(a), moved(b))).toBeCloseTo(intersectionOverUnion(a, b), 12);
      }),
    );
  });
});

describe('suppressNonMaxima', () => {
  it('keeps the best of those that overlap, by hand', () => {
    const [a, b, c] = [plain(0, 0, 10, 10, 0.8), plain(1, 0, 11, 10, 0.9), plain(40, 0, 50, 10, 0.1)];
    expect(suppressNonMaxima([a, b, c], 0.5, 'union')).toEqual([b, c]);
    expect(suppressNonMaxima([a, b, c], 0.9, 'union')).toEqual([b, a, c]);
  });

  it('takes a box within a larger one as the same only by the smaller area', () => {
    const [large, small] = [plain(0, 0, 100, 100, 0.9), plain(40, 40, 50, 50, 0.8)];
    expect(suppressNonMaxima([large, small], 0.7, 'union')).toEqual([large, small]);
    expect(suppressNonMaxima([large, small], 0.7, 'smaller')).toEqual([large]);
  });

  it('keeps some of the given boxes, best first, none of which overlap, and each lost one overlaps a better kept one', () => {
    fc.assert(
      fc.property(boxes, threshold, (all, limit) => {
        const kept = suppressNonMaxima(all, limit, 'union');
        expect(kept.every((one) => all.includes(one))).toBe(true);
        expect(kept.map(({ score }) => score)).toEqual(kept.map(({ score }) => score).toSorted((a, b) => b - a));
        for (const [i, one] of kept.entries()) {
          for (const other of kept.slice(i + 1)) expect(intersectionOverUnion(one, other)).toBeLessThanOrEqual(limit);
        }
        for (const lost of all.filter((one) => !kept.includes(one))) {
          expect(kept.some((one) => one.score >= lost.score && intersectionOverUnion(one, lost) > limit)).toBe(true);
        }
      }),
    );
  });

  it('changes nothing when done twice', () => {
    fc.assert(
      fc.property(boxes, threshold, fc.constantFrom('union' as const, 'smaller' as const), (all, limit, overlap) => {
        const kept = suppressNonMaxima(all, limit, overlap);
        expect(suppressNonMaxima(kept, limit, overlap)).toEqual(kept);
      }),
    );
  });
});

describe('mergeSame', () => {
  const candidate = (one: ScoredBox) => ({
    ...one,
    keypoints: Array.from({ length: 6 }, (_, k) => ({ x: one.left + k, y: one.top })),
  });

  it('averages by score, by hand', () => {
    const [merged, ...others] = mergeSame([plain(0, 0, 10, 10, 0.75), plain(2, 0, 12, 10, 0.25)].map(candidate), 0.3);
    expect(others).toEqual([]);
    expect(merged).toMatchObject({ left: 0.5, top: 0, right: 10.5, bottom: 10, score: 0.75 });
    expect(merged?.keypoints[1]).toEqual({ x: 1.5, y: 0 });
  });

  it('keeps every mean between the edges of what it averages, and no more faces than candidates', () => {
    fc.assert(
      fc.property(boxes, (all) => {
        const sure = all.map((one) => candidate({ ...one, score: 0.5 + one.score / 2 }));
        const merged = mergeSame(sure, 0.3);
        expect(merged.length).toBeLessThanOrEqual(all.length);
        expect(merged.length === 0).toBe(all.length === 0);
        const [least, most] = [Math.min(...all.map(({ left }) => left)), Math.max(...all.map(({ right }) => right))];
        for (const { left, right } of merged) expect(left >= least - 1e-9 && right <= most + 1e-9).toBe(true);
      }),
    );
  });
});

describe('squareBox', () => {
  it('is a square of the longer side about the same centre', () => {
    fc.assert(
      fc.property(box, (one) => {
        const square = squareBox(one);
        const side = Math.max(one.right - one.left, one.bottom - one.top);
        expect([square.right - square.left, square.bottom - square.top]).toEqual([side, side]);
        expect((square.left + square.right) / 2).toBeCloseTo((one.left + one.right) / 2, 4);
        expect((square.top + square.bottom) / 2).toBeCloseTo((one.top + one.bottom) / 2, 4);
      }),
    );
  });
});

describe('pyramidScales', () => {
  it('is right by hand', () => {
    expect(pyramidScales(19, 500, 20, 0.709)).toEqual([]);
    expect(pyramidScales(20, 500, 20, 0.709)).toEqual([0.6]);
    expect(pyramidScales(100, 60, 20, 0.5)).toEqual([0.6, 0.3]);
  });

  it('begins with the smallest face a cell large and ends before the shorter side is less than a cell', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 6000 }),
        fc.integer({ min: 1, max: 6000 }),
        fc.integer({ min: 12, max: 200 }),
        (w, h, least) => {
          const scales = pyramidScales(w, h, least, 0.709);
          expect(scales.length > 0).toBe(Math.min(w, h) >= least);
          if (scales.length === 0) return;
          expect(scales[0]).toBe(12 / least);
          expect(Math.min(w, h) * (scales.at(-1) ?? 0)).toBeGreaterThan(12 - 1e-6);
        },
      ),
    );
  });
});
