/** Means over areas of an RGB picture (see `src/image/areaResize.ts`). */

/** Rows of bytes whose sums stay below 2^16. */
const ROWS_AT_ONCE = 256;

/** Sums of bytes over rows, column by column, as 32-bit numbers; 16 columns at once. Reads and writes up to 15 columns beyond the last one. */
function sumRows(source: usize, stride: usize, rows: i32, length: usize, sums: usize): void {
  for (let x: usize = 0; x < length; x += 16) {
    let sum0 = i32x4.splat(0);
    let sum1 = i32x4.splat(0);
    let sum2 = i32x4.splat(0);
    let sum3 = i32x4.splat(0);
    let from = source + x;
    for (let row = 0; row < rows; row += ROWS_AT_ONCE) {
      let low = i16x8.splat(0);
      let high = i16x8.splat(0);
      const end = from + <usize>min(ROWS_AT_ONCE, rows - row) * stride;
      for (; from < end; from += stride) {
        const bytes = v128.load(from);
        low = i16x8.add(low, i16x8.extend_low_i8x16_u(bytes));
        high = i16x8.add(high, i16x8.extend_high_i8x16_u(bytes));
      }
      sum0 = i32x4.add(sum0, i32x4.extend_low_i16x8_u(low));
      sum1 = i32x4.add(sum1, i32x4.extend_high_i16x8_u(low));
      sum2 = i32x4.add(sum2, i32x4.extend_low_i16x8_u(high));
      sum3 = i32x4.add(sum3, i32x4.extend_high_i16x8_u(high));
    }
    const to = sums + (x << 2);
    v128.store(to, sum0);
    v128.store(to, sum1, 16);
    v128.store(to, sum2, 32);
    v128.store(to, sum3, 48);
  }
}

/**
 * For each output pixel (mean - 127.5) / 128 of the source pixels of its area, as three planes of `toRows` times `toWidth` 32-bit floats.
 *
 * @param length bytes of a source row
 * @param rows for each output row its first source row and the one after its last, 32-bit
 * @param columns for each output pixel of a row the same of source pixels
 * @param sums working memory: 4 bytes for each byte of a row, and 64 more
 */
export function areaMeans(
  source: usize,
  length: usize,
  rows: usize,
  toRows: i32,
  columns: usize,
  toWidth: i32,
  sums: usize,
  out: usize,
): void {
  const plane = <usize>toRows * <usize>toWidth * 4;
  const middle = f64x2.splat(127.5);
  const share = f64x2.splat(0.0078125);
  let to = out;
  for (let y = 0; y < toRows; y++) {
    const firstRow = load<i32>(rows + ((<usize>y) << 3));
    const rowCount = load<i32>(rows + ((<usize>y) << 3), 4) - firstRow;
    sumRows(source + <usize>firstRow * length, length, rowCount, length, sums);
    for (let x = 0; x < toWidth; x++) {
      const first = load<i32>(columns + ((<usize>x) << 3));
      const end = load<i32>(columns + ((<usize>x) << 3), 4);
      let sum = i32x4.splat(0);
      for (let column = first; column < end; column++) sum = i32x4.add(sum, v128.load(sums + <usize>column * 12));
      const count = f64x2.splat(1 / <f64>(rowCount * (end - first)));
      const redGreen = f64x2.sub(f64x2.mul(f64x2.convert_low_i32x4_u(sum), count), middle);
      const blue = f64x2.sub(f64x2.mul(f64x2.convert_low_i32x4_u(v128.shuffle<i64>(sum, sum, 1, 0)), count), middle);
      const halves = f32x4.demote_f64x2_zero(f64x2.mul(redGreen, share));
      v128.store_lane<u32>(to, halves, 0);
      v128.store_lane<u32>(to + plane, halves, 1);
      v128.store_lane<u32>(to + 2 * plane, f32x4.demote_f64x2_zero(f64x2.mul(blue, share)), 0);
      to += 4;
    }
  }
}
