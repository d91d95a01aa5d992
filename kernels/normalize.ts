/** Normalisation of RGB bytes (see `src/data/transforms.ts`). */

// Four pixels' bytes of one channel as 32-bit numbers. In memory, since a constant vector would be built anew wherever it is used.
const REDS = memory.data<i8>([0, -1, -1, -1, 3, -1, -1, -1, 6, -1, -1, -1, 9, -1, -1, -1], 16);
const GREENS = memory.data<i8>([1, -1, -1, -1, 4, -1, -1, -1, 7, -1, -1, -1, 10, -1, -1, -1], 16);
const BLUES = memory.data<i8>([2, -1, -1, -1, 5, -1, -1, -1, 8, -1, -1, -1, 11, -1, -1, -1], 16);

function normalized(bytes: v128, mean: v128, deviation: v128): v128 {
  const shares = f32x4.div(f32x4.convert_i32x4_s(bytes), f32x4.splat(255));
  return f32x4.div(f32x4.sub(shares, mean), deviation);
}

/**
 * (byte / 255 - mean) / deviation of `count` pixels, each step rounded to 32 bits: three planes, `plane` bytes apart, of 32-bit floats.
 * Four pixels at once: reads up to 13 bytes beyond the last one; a plane has room for a multiple of four values.
 */
export function normalize(
  pixels: usize,
  count: usize,
  out: usize,
  plane: usize,
  redMean: f32,
  greenMean: f32,
  blueMean: f32,
  redDeviation: f32,
  greenDeviation: f32,
  blueDeviation: f32,
): void {
  const reds = v128.load(REDS);
  const greens = v128.load(GREENS);
  const blues = v128.load(BLUES);
  const end = pixels + count * 3;
  for (; pixels < end; pixels += 12) {
    const bytes = v128.load(pixels);
    v128.store(out, normalized(i8x16.swizzle(bytes, reds), f32x4.splat(redMean), f32x4.splat(redDeviation)));
    v128.store(out + plane, normalized(i8x16.swizzle(bytes, greens), f32x4.splat(greenMean), f32x4.splat(greenDeviation)));
    v128.store(out + 2 * plane, normalized(i8x16.swizzle(bytes, blues), f32x4.splat(blueMean), f32x4.splat(blueDeviation)));
    out += 16;
  }
}
