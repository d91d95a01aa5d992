import { describe, expect, it } from 'vitest';
import { pictureStatistics } from '#uafer/image/statistics.js';

/** A square grey picture of these bytes. */
const grey = (...values: number[]) => Uint8Array.from(values.flatMap((value) => [value, value, value]));
const FLAT = new Array<number>(16).fill(51);

describe('plain statistics of a picture', () => {
  it('of one grey are its brightness, and nothing else', () => {
    expect(pictureStatistics(grey(...FLAT), 96)).toEqual({
      luminance: expect.closeTo(0.2, 12),
      contrast: expect.closeTo(0, 12),
      sharpness: expect.closeTo(0, 12),
      faceSize: 96,
    });
  });

  it('of half black and half white are one half each; of a board of squares the Laplacian is one everywhere', () => {
    const board = Array.from({ length: 16 }, (_, i) => ((i + Math.floor(i / 4)) % 2 === 0 ? 255 : 0));
    const { luminance, contrast, sharpness } = pictureStatistics(grey(...board), 4);
    expect([luminance, contrast, sharpness]).toEqual([expect.closeTo(0.5, 12), expect.closeTo(0.5, 12), expect.closeTo(1, 12)]);
    // The same bytes in an order that has two halves: as much contrast, and less sharpness.
    const halves = pictureStatistics(grey(...board.toSorted((a, b) => a - b)), 4);
    expect(halves.contrast).toBeCloseTo(0.5, 12);
    expect(halves.sharpness).toBeCloseTo(0.25, 12);
  });

  it('take colours by their luma (ITU-R BT.601)', () => {
    const green = Uint8Array.from(FLAT.flatMap(() => [0, 255, 0]));
    expect(pictureStatistics(green, 4).luminance).toBeCloseTo(0.587, 4);
  });

  it('of a picture without a pixel that has four neighbours know no sharpness', () => {
    expect(pictureStatistics(grey(0, 255, 0, 255), 2).sharpness).toBe(0);
  });
});
