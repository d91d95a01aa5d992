import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { areaResize, whole } from '#uafer/image/areaResize.js';
import { barsOf, letterbox } from '#uafer/image/letterbox.js';
import type { Picture } from '#uafer/image/picture.js';
import type { Region } from '#uafer/image/region.js';
import { resizePicture } from '#uafer/image/resize.js';
import { testPixels } from '../support/pictures.js';

const side = (max: number) => fc.integer({ min: 1, max });
/** Width, height, seed: a failure is then short to read. */
const drawn = fc.tuple(side(90), side(70), fc.nat(99));
const pictureOf = ([width, height, seed]: [number, number, number]): Picture => ({
  data: testPixels(width, height, seed),
  width,
  height,
});

describe('areaResize', () => {
  /** Adaptive average pooling, as PyTorch states it, one output after the other. */
  function plain({ data, width }: Picture, region: Region, w: number, h: number): number[] {
    const [fromX, fromY] = [region.right - region.left, region.bottom - region.top];
    return [0, 1, 2].flatMap((channel) =>
      Array.from({ length: w * h }, (_, i) => {
        const [x, y] = [i % w, Math.floor(i / w)];
        const values: number[] = [];
        for (let v = Math.floor((y * fromY) / h); v < Math.ceil(((y + 1) * fromY) / h); v++) {
          for (let u = Math.floor((x * fromX) / w); u < Math.ceil(((x + 1) * fromX) / w); u++) {
            values.push(data[((region.top + v) * width + region.left + u) * 3 + channel] as number);
          }
        }
        return (values.reduce((a, b) => a + b) / values.length - 127.5) / 128;
      }),
    );
  }

  it('is adaptive average pooling of the region, smaller or larger', () => {
    const share = fc.double({ min: 0, max: 0.999, noNaN: true });
    fc.assert(
      fc.property(drawn, fc.tuple(share, share, share, share), side(30), side(30), (size, shares, w, h) => {
        const source = pictureOf(size);
        const [a = 0, b = 0, c = 0, d = 0] = shares;
        const [left, top] = [Math.floor(a * source.width), Math.floor(b * source.height)];
        const region = {
          left,
          top,
          right: left + 1 + Math.floor(c * (source.width - left)),
          bottom: top + 1 + Math.floor(d * (source.height - top)),
        };
        const out = new Float32Array(3 * w * h + 1);
        areaResize(source, region, whole(w, h), out, 1);
        plain(source, region, w, h).forEach((value, i) => {
          expect(out[i + 1]).toBeCloseTo(value, 6);
        });
      }),
      { numRuns: 60 },
    );
  });

  it('makes some rows as it makes all', () => {
    fc.assert(
      fc.property(drawn, side(30), side(30), fc.nat(29), (size, w, h, from) => {
        const source = pictureOf(size);
        const region = { left: 0, top: 0, right: source.width, bottom: source.height };
        const firstRow = from % h;
        const [all, some] = [new Float32Array(3 * w * h), new Float32Array(3 * w * (h - firstRow))];
        areaResize(source, region, whole(w, h), all, 0);
        areaResize(source, region, { width: w, height: h, firstRow, endRow: h }, some, 0);
        const plane = (channel: number) => all.subarray((channel * h + firstRow) * w, (channel + 1) * h * w);
        expect([...some]).toEqual([0, 1, 2].flatMap((channel) => [...plane(channel)]));
      }),
      { numRuns: 50 },
    );
  });

  it('is right where rows are more than 16 bits hold, and bytes more than are copied at once', () => {
    const white: Picture = { data: new Uint8Array(4300 * 4100 * 3).fill(255), width: 4300, height: 4100 };
    const out = new Float32Array(3 * 12 * 12);
    areaResize(white, { left: 0, top: 0, right: 4300, bottom: 4100 }, whole(12, 12), out, 0);
    expect(new Set(out)).toEqual(new Set([Math.fround(127.5 / 128)]));
  });
});

describe('barsOf', () => {
  it('makes a photo square', () => {
    expect(barsOf({ width: 300, height: 400 })).toEqual({ horizontal: 0.125, vertical: 0 });
    expect(barsOf({ width: 400, height: 100 })).toEqual({ horizontal: 0, vertical: 0.375 });
    expect(barsOf({ width: 7, height: 7 })).toEqual({ horizontal: 0, vertical: 0 });
  });
});

describe('letterbox', () => {
  it("is Pillow's bilinear resize of the photo with black bars", () => {
    fc.assert(
      fc.property(drawn, side(40), (size, to) => {
        const { data, width, height } = pictureOf(size);
        const square = Math.max(width, height);
        const framed: Picture = { data: new Uint8Array(square * square * 3), width: square, height: square };
        const { horizontal, vertical } = barsOf({ width, height });
        const [left, top] = [Math.trunc(horizontal * square), Math.trunc(vertical * square)];
        for (let y = 0; y < height; y++) {
          framed.data.set(data.subarray(y * width * 3, (y + 1) * width * 3), ((y + top) * square + left) * 3);
        }
        const expected = resizePicture(framed, to, to, 'bilinear').data;
        const out = new Float32Array(3 * to * to);
        letterbox({ data, width, height }, to, out);
        const differences = [...expected].map((value, i) => {
          const [pixel, channel] = [Math.floor(i / 3), i % 3];
          return Math.abs(((out[channel * to * to + pixel] as number) + 1) * 127.5 - value);
        });
        // The same byte, and then 32-bit floats of order one.
        expect(Math.max(...differences)).toBeLessThan(1e-4);
      }),
      { numRuns: 200 },
    );
  });
});
