/** Sampling of an RGB picture by a cubic kernel (see `src/faces/warp.ts`). */

// Vectors stand in memory: a constant one would be built anew, in four instructions, wherever it is used.
/** Keys' kernel (Keys 1981, a = -0.5) at the four pixels around a place s past the second one: coefficients of s^3, s^2, s, 1. */
const CUBED = memory.data<f32>([-0.5, 1.5, -1.5, 0.5], 16);
const SQUARED = memory.data<f32>([1, -2.5, 2, -0.5], 16);
const ONCE = memory.data<f32>([-0.5, 0, 0.5, 0], 16);
const NEVER = memory.data<f32>([0, 1, 0, 0], 16);
/** Weights of rows are whole 1 / 2^14, so that one instruction multiplies and adds two rows: off by 0.03 of a level at most. */
const WEIGHT_ONE = memory.data<f32>([16384, 16384, 16384, 16384], 16);
const WEIGHT_UNIT = memory.data<f32>([1 / 16384, 1 / 16384, 1 / 16384, 1 / 16384], 16);
/** 1.5 x 2^23: a sum with it has no fractional bits left, and the other number, rounded to the nearest, in its low bits. */
const ROUNDING = memory.data<f32>([12582912, 12582912, 12582912, 12582912], 16);
/** Places are whole numbers of 2^-32 pixels. */
const HALF_PIXEL = memory.data<i64>([0x80000000, 0x80000000], 16);
const FRACTION_UNIT = memory.data<f32>([1 / 2147483648, 1 / 2147483648, 1 / 2147483648, 1 / 2147483648], 16);

/** Farther away than any picture reaches, all places are the same. */
const FARTHEST: f64 = 1e9;

function fixed(pixels: f64): i64 {
  return <i64>Math.floor(max(-FARTHEST, min(FARTHEST, pixels)) * 4294967296);
}

/** The first step at which `start + steps * step`, which grows, is `bound` or more. */
function stepsTo(bound: i64, start: i64, step: i64): i64 {
  return bound <= start ? 0 : (bound - start - 1) / step + 1;
}

/** The first of `count` steps from `start` on that lies within 0 to `length`, or with `beyond` the first one after that. */
function boundary(start: i64, step: i64, length: i32, count: i32, beyond: bool): i32 {
  const end = (<i64>length) << 32;
  if (step === 0) return beyond === (start >= 0 && start < end) ? count : 0;
  // Backwards is forwards from the other end.
  const from = step > 0 ? start : end - 1 - start;
  return <i32>min(<i64>count, stepsTo(beyond ? end : 0, from, step > 0 ? step : -step));
}

function rounded(values: v128): v128 {
  const rounding = v128.load(ROUNDING);
  return i32x4.sub(f32x4.add(values, rounding), rounding);
}

function cubicWeights(s: v128): v128 {
  const upper = f32x4.add(f32x4.mul(v128.load(CUBED), s), v128.load(SQUARED));
  return f32x4.add(f32x4.mul(f32x4.add(f32x4.mul(upper, s), v128.load(ONCE)), s), v128.load(NEVER));
}

/** Four sums of two rows' values, interleaved, times their weights. */
function twoRows(interleaved: v128, weights: v128, high: bool): v128 {
  const words = high ? i16x8.extend_high_i8x16_u(interleaved) : i16x8.extend_low_i8x16_u(interleaved);
  return i32x4.dot_i16x8_s(words, weights);
}

/** The value of the 4 x 4 pixels from `at` on at the place `fraction` (x, -, y, -) past the second pixel and row: r g b in 32-bit words. */
function mix(at: usize, stride: i32, fraction: v128): v128 {
  const across = f32x4.mul(cubicWeights(v128.shuffle<f32>(fraction, fraction, 0, 0, 0, 0)), v128.load(WEIGHT_UNIT));
  const parts = rounded(f32x4.mul(cubicWeights(v128.shuffle<f32>(fraction, fraction, 2, 2, 2, 2)), v128.load(WEIGHT_ONE)));
  const down = i16x8.narrow_i32x4_s(parts, parts);
  const upper = v128.shuffle<i32>(down, down, 0, 0, 0, 0);
  const lower = v128.shuffle<i32>(down, down, 1, 1, 1, 1);

  const row0 = v128.load(at);
  const row1 = v128.load(at + stride);
  const row2 = v128.load(at + 2 * stride);
  const row3 = v128.load(at + 3 * stride);
  const above = i8x16.shuffle(row0, row1, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
  const aboveEnd = i8x16.shuffle(row0, row1, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31);
  const below = i8x16.shuffle(row2, row3, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
  const belowEnd = i8x16.shuffle(row2, row3, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31);
  const columns0 = i32x4.add(twoRows(above, upper, false), twoRows(below, lower, false)); // r0 g0 b0 r1
  const columns1 = i32x4.add(twoRows(above, upper, true), twoRows(below, lower, true)); // g1 b1 r2 g2
  const columns2 = i32x4.add(twoRows(aboveEnd, upper, false), twoRows(belowEnd, lower, false)); // b2 r3 g3 b3

  const first = f32x4.mul(f32x4.convert_i32x4_s(columns0), v128.shuffle<f32>(across, across, 0, 0, 0, 1));
  const second = f32x4.mul(f32x4.convert_i32x4_s(columns1), v128.shuffle<f32>(across, across, 1, 1, 2, 2));
  const third = f32x4.mul(f32x4.convert_i32x4_s(columns2), v128.shuffle<f32>(across, across, 2, 3, 3, 3));
  const left = f32x4.add(first, v128.shuffle<f32>(first, second, 3, 4, 5, 6));
  const right = f32x4.add(v128.shuffle<f32>(second, third, 2, 3, 4, 5), v128.shuffle<f32>(third, third, 1, 2, 3, 0));
  return rounded(f32x4.add(left, right));
}

/**
 * Each pixel (u, v) of `out` from the place x = x0 u + x1 v + x2, y = y0 u + y1 v + y2 of the source, where pixels' middles are at halves.
 * Black where that place lies outside of the picture.
 *
 * `source` is the picture's first pixel, inside of a frame of two pixels that repeat its edge. Reads up to 4 bytes beyond the frame, writes
 * one byte beyond `out`.
 */
export function warp(
  source: usize,
  stride: i32,
  width: i32,
  height: i32,
  out: usize,
  toWidth: i32,
  toHeight: i32,
  x0: f64,
  x1: f64,
  x2: f64,
  y0: f64,
  y1: f64,
  y2: f64,
): void {
  const stepX = fixed(x0);
  const stepY = fixed(y0);
  const step = i64x2(stepX, stepY);
  memory.fill(out, 0, <usize>toWidth * <usize>toHeight * 3);
  for (let v = 0; v < toHeight; v++) {
    const middle = <f64>v + 0.5;
    const startX = fixed(x0 * 0.5 + x1 * middle + x2);
    const startY = fixed(y0 * 0.5 + y1 * middle + y2);
    const first = max(boundary(startX, stepX, width, toWidth, false), boundary(startY, stepY, height, toWidth, false));
    const end = min(boundary(startX, stepX, width, toWidth, true), boundary(startY, stepY, height, toWidth, true));
    let place = i64x2(startX + <i64>first * stepX, startY + <i64>first * stepY);
    let to = out + (<usize>v * <usize>toWidth + <usize>first) * 3;
    for (let u = first; u < end; u++) {
      const past = i64x2.sub(place, v128.load(HALF_PIXEL));
      const at = source + (i32x4.extract_lane(past, 3) - 1) * stride + (i32x4.extract_lane(past, 1) - 1) * 3;
      const fraction = f32x4.mul(f32x4.convert_i32x4_s(i32x4.shr_u(past, 1)), v128.load(FRACTION_UNIT));
      const words = mix(at, stride, fraction);
      const halves = i16x8.narrow_i32x4_s(words, words);
      v128.store_lane<u32>(to, i8x16.narrow_i16x8_u(halves, halves), 0);
      place = i64x2.add(place, step);
      to += 3;
    }
    // The fourth byte of the last pixel stands where the next one is black, or not made yet.
    if (first < end) store<u8>(to, 0);
  }
}
