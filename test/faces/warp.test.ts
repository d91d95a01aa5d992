import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Similarity } from '#uafer/faces/similarity.js';
import { warpPicture } from '#uafer/faces/warp.js';
import type { Picture } from '#uafer/image/picture.js';
import { resizePicture } from '#uafer/image/resize.js';
import { testPixels } from '../support/pictures.js';

const turned = (degrees: number, scale: number, dx: number, dy: number): Similarity => {
  const angle = (degrees * Math.PI) / 180;
  return { a: scale * Math.cos(angle), b: scale * Math.sin(angle), dx, dy };
};

/** A picture whose channels are smooth functions of the pixel's middle. */
function painted(width: number, height: number, colour: (x: number, y: number) => [number, number, number]): Picture {
  const data = new Uint8Array(width * height * 3);
  for (let y = 0; y < height; y++)
    for (let x = 0; x < width; x++) data.set(colour(x + 0.5, y + 0.5).map(Math.round), (y * width + x) * 3);
  return { data, width, height };
}

const at = ({ data, width }: Picture, x: number, y: number) => [...data.subarray((y * width + x) * 3, (y * width + x) * 3 + 3)];

describe('warpPicture', () => {
  const picture: Picture = { data: testPixels(12, 9, 3), width: 12, height: 9 };

  it('gives the picture itself for the identity', () => {
    expect([...warpPicture(picture, turned(0, 1, 0, 0), 12, 9).data]).toEqual([...picture.data]);
  });

  it('moves by whole pixels exactly, black where the picture ends', () => {
    const moved = warpPicture(picture, turned(0, 1, 3, -2), 12, 9);
    for (let y = 0; y < 9; y++)
      for (let x = 0; x < 12; x++) expect(at(moved, x, y)).toEqual(x >= 3 && y + 2 < 9 ? at(picture, x - 3, y + 2) : [0, 0, 0]);
  });

  it('turns by a quarter exactly', () => {
    const square: Picture = { data: testPixels(8, 8, 3), width: 8, height: 8 };
    const quarter = warpPicture(square, turned(90, 1, 8, 0), 8, 8); // (x, y) -> (8 - y, x)
    for (let y = 0; y < 8; y++) for (let x = 0; x < 8; x++) expect(at(quarter, x, y)).toEqual(at(square, y, 7 - x));
  });

  it('shrinks as Pillow does, when there is nothing to turn or to move', () => {
    const large: Picture = { data: testPixels(60, 40, 3), width: 60, height: 40 };
    const shrunk = warpPicture(large, turned(0, 0.25, 0, 0), 15, 10);
    expect([...shrunk.data]).toEqual([...resizePicture(large, 15, 10, 'bicubic').data]);
  });

  /** Keys' kernel (1981) at one place, in double precision; pixels beyond an edge are the edge's. */
  function keys({ data, width, height }: Picture, x: number, y: number, channel: number): number {
    const weight = (signed: number) => {
      const d = Math.abs(signed);
      return d < 1 ? (1.5 * d - 2.5) * d * d + 1 : d < 2 ? ((2.5 - 0.5 * d) * d - 4) * d + 2 : 0;
    };
    const around = (place: number) => [-1, 0, 1, 2].map((step) => Math.floor(place - 0.5) + step);
    let sum = 0;
    for (const row of around(y)) {
      for (const column of around(x)) {
        const pixel = Math.min(height - 1, Math.max(0, row)) * width + Math.min(width - 1, Math.max(0, column));
        sum += weight(row + 0.5 - y) * weight(column + 0.5 - x) * (data[pixel * 3 + channel] as number);
      }
    }
    return Math.min(255, Math.max(0, sum));
  }

  it("samples by Keys' kernel, to the rounding of its weights, black outside", () => {
    const place = fc.double({ min: -9, max: 9, noNaN: true });
    fc.assert(
      fc.property(
        fc.double({ min: -180, max: 180, noNaN: true }),
        fc.double({ min: 1, max: 3, noNaN: true }),
        place,
        place,
        (angle, scale, dx, dy) => {
          const { a, b } = turned(angle, scale, 0, 0);
          const warped = warpPicture(picture, { a, b, dx, dy }, 14, 11);
          for (let v = 0; v < 11; v++)
            for (let u = 0; u < 14; u++) {
              const [p, q, square] = [u + 0.5 - dx, v + 0.5 - dy, a * a + b * b];
              const [x, y] = [(a * p + b * q) / square, (a * q - b * p) / square];
              // Within 2^-30 of an edge, rounding decides what is inside.
              if ([x, y, x - picture.width, y - picture.height].some((distance) => Math.abs(distance) < 1e-6)) continue;
              const inside = x > 0 && x < picture.width && y > 0 && y < picture.height;
              at(warped, u, v).forEach((value, channel) => {
                expect(Math.abs(value - (inside ? keys(picture, x, y, channel) : 0))).toBeLessThanOrEqual(inside ? 0.53 : 0);
              });
            }
        },
      ),
    );
  });

  // A gradient is straight, so that every right resampling gives its value at the place that the transform says: within a level of rounding
  // to bytes in and out, and one more where the part that is seen was rounded to whole pixels.
  it.each([
    { name: 'turned', degrees: 20, scale: 1 },
    { name: 'grown', degrees: -35, scale: 3.3 },
    { name: 'shrunk and turned', degrees: 12, scale: 0.3 },
  ])('shows a gradient where it belongs: $name', ({ degrees, scale }) => {
    const colour = (x: number, y: number): [number, number, number] => [20 + 0.5 * x, 20 + 0.5 * y, 20 + 0.2 * (x + y)];
    const gradient = painted(300, 300, colour);
    const side = 64;
    const transform = turned(degrees, scale, 0, 0);
    const { a, b } = transform;
    // The middle of the picture comes to the middle of the result.
    const placed = { a, b, dx: side / 2 - a * 150 + b * 150, dy: side / 2 - b * 150 - a * 150 };
    const warped = warpPicture(gradient, placed, side, side);
    for (let v = 0; v < side; v += 3)
      for (let u = 0; u < side; u += 3) {
        const [p, q] = [u + 0.5 - side / 2, v + 0.5 - side / 2];
        const [x, y] = [150 + (a * p + b * q) / (a * a + b * b), 150 + (a * q - b * p) / (a * a + b * b)];
        if (x < 12 || y < 12 || x > 288 || y > 288) continue;
        colour(x, y).forEach((value, channel) => {
          expect(Math.abs((at(warped, u, v)[channel] as number) - value)).toBeLessThanOrEqual(1.5);
        });
      }
  });

  it('shrinks stripes finer than a pixel to their mean, with no pattern of its own', () => {
    const stripes = painted(200, 200, (x) => (Math.floor(x) % 2 === 0 ? [0, 0, 0] : [200, 200, 200]));
    const { data } = warpPicture(stripes, turned(10, 0.2, 10, -4), 32, 32);
    const inner = [...data].filter((_, i) => Math.floor(i / 96) > 4 && Math.floor(i / 96) < 24 && i % 96 > 30 && i % 96 < 66);
    expect(Math.max(...inner) - Math.min(...inner)).toBeLessThan(12);
    expect(inner.reduce((sum, value) => sum + value, 0) / inner.length).toBeCloseTo(100, -1);
  });

  it.each([1e-14, 1e-7, 1e7, 1e14])('makes a picture of any transform: scale %s', (scale) => {
    for (const [dx, dy] of [
      [4, 4],
      [-1e15, 1e15],
      [0, 1e30],
    ] as const) {
      const { data } = warpPicture(picture, turned(33, scale, dx, dy), 8, 8);
      expect(data).toHaveLength(8 * 8 * 3);
    }
  });

  it('is black where no part of the picture is seen', () => {
    expect(new Set(warpPicture(picture, turned(0, 0.5, 500, 0), 8, 8).data)).toEqual(new Set([0]));
    expect(new Set(warpPicture(picture, turned(0, 2, 500, 0), 8, 8).data)).toEqual(new Set([0]));
  });
});
