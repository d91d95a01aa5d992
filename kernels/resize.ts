/**
 * The two passes of Pillow's resampling on RGB bytes (see `src/image/resize.ts`, which lays out spans and weights).
 *
 * A weight of 22 fractional bits comes as two signed 16-bit parts, `high * 2^11 + low`, so that one instruction multiplies and adds two
 * pixels of four channels. The sums of both parts are whole numbers: put together, they are Pillow's 32-bit sum, bit for bit.
 */
const PRECISION: i32 = 22;
const LOW_BITS: i32 = 11;
const HALF: i32 = 1 << (PRECISION - 1);

/** Two pixels of 8 bytes as 16-bit numbers, channel by channel: r r g g b b 0 0. */
const PAIR: v128 = i8x16(0, -1, 3, -1, 1, -1, 4, -1, 2, -1, 5, -1, -1, -1, -1, -1);

function total(high: v128, low: v128): v128 {
  return i32x4.shr_s(i32x4.add(i32x4.add(i32x4.shl(high, LOW_BITS), low), i32x4.splat(HALF)), PRECISION);
}

function storePixel(at: usize, high: v128, low: v128): void {
  const words = total(high, low);
  const halves = i16x8.narrow_i32x4_s(words, words);
  v128.store_lane<u32>(at, i8x16.narrow_i16x8_u(halves, halves), 0);
}

/**
 * Rows to `to` pixels each; four rows at once, which share the loading of weights. Reads up to 5 bytes beyond a row, writes one byte beyond it.
 *
 * @param spans for each output pixel its first source pixel and the number of pairs from there on, 32-bit
 * @param weights `pairs` times 8 bytes for each output pixel: two weights' high parts, then their low parts
 */
export function resizeRows(
  source: usize,
  sourceStride: usize,
  rows: i32,
  out: usize,
  outStride: usize,
  to: i32,
  spans: usize,
  weights: usize,
  pairs: usize,
): void {
  const last = rows - 1;
  for (let y = 0; y < rows; y += 4) {
    // Rows beyond the last are the last one again, written to the same place.
    const y1 = <usize>min(y + 1, last);
    const y2 = <usize>min(y + 2, last);
    const y3 = <usize>min(y + 3, last);
    const row0 = source + <usize>y * sourceStride;
    const row1 = source + y1 * sourceStride;
    const row2 = source + y2 * sourceStride;
    const row3 = source + y3 * sourceStride;
    let out0 = out + <usize>y * outStride;
    let out1 = out + y1 * outStride;
    let out2 = out + y2 * outStride;
    let out3 = out + y3 * outStride;
    for (let x = 0; x < to; x++) {
      const span = spans + ((<usize>x) << 3);
      const start = <usize>load<i32>(span) * 3;
      let from0 = row0 + start;
      let from1 = row1 + start;
      let from2 = row2 + start;
      let from3 = row3 + start;
      let weight = weights + <usize>x * (pairs << 3);
      const end = weight + ((<usize>load<i32>(span, 4)) << 3);
      let high0 = i32x4.splat(0);
      let high1 = i32x4.splat(0);
      let high2 = i32x4.splat(0);
      let high3 = i32x4.splat(0);
      let low0 = i32x4.splat(0);
      let low1 = i32x4.splat(0);
      let low2 = i32x4.splat(0);
      let low3 = i32x4.splat(0);
      while (weight < end) {
        const high = v128.load_splat<i32>(weight);
        const low = v128.load_splat<i32>(weight, 4);

        let both = i8x16.swizzle(v128.load_zero<u64>(from0), PAIR);
        high0 = i32x4.add(high0, i32x4.dot_i16x8_s(both, high));
        low0 = i32x4.add(low0, i32x4.dot_i16x8_s(both, low));

        both = i8x16.swizzle(v128.load_zero<u64>(from1), PAIR);
        high1 = i32x4.add(high1, i32x4.dot_i16x8_s(both, high));
        low1 = i32x4.add(low1, i32x4.dot_i16x8_s(both, low));

        both = i8x16.swizzle(v128.load_zero<u64>(from2), PAIR);
        high2 = i32x4.add(high2, i32x4.dot_i16x8_s(both, high));
        low2 = i32x4.add(low2, i32x4.dot_i16x8_s(both, low));

        both = i8x16.swizzle(v128.load_zero<u64>(from3), PAIR);
        high3 = i32x4.add(high3, i32x4.dot_i16x8_s(both, high));
        low3 = i32x4.add(low3, i32x4.dot_i16x8_s(both, low));

        from0 += 6;
        from1 += 6;
        from2 += 6;
        from3 += 6;
        weight += 8;
      }
      storePixel(out0, high0, low0);
      storePixel(out1, high1, low1);
      storePixel(out2, high2, low2);
      storePixel(out3, high3, low3);
      out0 += 3;
      out1 += 3;
      out2 += 3;
      out3 += 3;
    }
  }
}

/**
 * Columns to `to` rows of `length` bytes, 16 columns at once. Reads up to a row beyond the last one that has a weight, and 16 bytes; writes
 * up to 15 bytes beyond a row, before the next one is written.
 *
 * @param spans for each output row its first source row and the number of pairs of rows from there on, 32-bit
 * @param weights `pairs` times 8 bytes for each output row: two weights' high parts, then their low parts
 */
export function resizeColumns(
  source: usize,
  sourceStride: usize,
  length: usize,
  out: usize,
  to: i32,
  spans: usize,
  weights: usize,
  pairs: usize,
): void {
  for (let y = 0; y < to; y++) {
    const span = spans + ((<usize>y) << 3);
    const first = source + <usize>load<i32>(span) * sourceStride;
    const start = weights + <usize>y * (pairs << 3);
    const end = start + ((<usize>load<i32>(span, 4)) << 3);
    const row = out + <usize>y * length;
    for (let x: usize = 0; x < length; x += 16) {
      let from = first + x;
      let high0 = i32x4.splat(0);
      let high1 = i32x4.splat(0);
      let high2 = i32x4.splat(0);
      let high3 = i32x4.splat(0);
      let low0 = i32x4.splat(0);
      let low1 = i32x4.splat(0);
      let low2 = i32x4.splat(0);
      let low3 = i32x4.splat(0);
      for (let weight = start; weight < end; weight += 8) {
        const high = v128.load_splat<i32>(weight);
        const low = v128.load_splat<i32>(weight, 4);
        const upper = v128.load(from);
        const lower = v128.load(from + sourceStride);
        const left = i8x16.shuffle(upper, lower, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
        const right = i8x16.shuffle(upper, lower, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31);
        const both0 = i16x8.extend_low_i8x16_u(left);
        const both1 = i16x8.extend_high_i8x16_u(left);
        const both2 = i16x8.extend_low_i8x16_u(right);
        const both3 = i16x8.extend_high_i8x16_u(right);
        high0 = i32x4.add(high0, i32x4.dot_i16x8_s(both0, high));
        high1 = i32x4.add(high1, i32x4.dot_i16x8_s(both1, high));
        high2 = i32x4.add(high2, i32x4.dot_i16x8_s(both2, high));
        high3 = i32x4.add(high3, i32x4.dot_i16x8_s(both3, high));
        low0 = i32x4.add(low0, i32x4.dot_i16x8_s(both0, low));
        low1 = i32x4.add(low1, i32x4.dot_i16x8_s(both1, low));
        low2 = i32x4.add(low2, i32x4.dot_i16x8_s(both2, low));
        low3 = i32x4.add(low3, i32x4.dot_i16x8_s(both3, low));
        from += 2 * sourceStride;
      }
      const left = i16x8.narrow_i32x4_s(total(high0, low0), total(high1, low1));
      const right = i16x8.narrow_i32x4_s(total(high2, low2), total(high3, low3));
      v128.store(row + x, i8x16.narrow_i16x8_u(left, right));
    }
  }
}
