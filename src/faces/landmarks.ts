/** Landmarks of data sets' owners, as the five points that alignment takes. */
import type { Landmarks, Point } from './types.js';

/** Eyes, nose and corners of the mouth, in this order (as RAF-DB's manual annotation lists them). */
export function fivePoints(points: readonly Point[]): Landmarks {
  const [leftEye, rightEye, nose, mouthLeft, mouthRight] = points as [Point, Point, Point, Point, Point];
  return { leftEye, rightEye, nose, mouthLeft, mouthRight };
}

/**
 * Five points from the 68 of the iBUG scheme (Sagonas et al. 2013), which AffectNet and CK+ use: the middle of each eye's six, the
 * tip of the nose, the mouth's outer corners.
 */
export function fiveOf68(points: readonly Point[]): Landmarks {
  const at = (i: number) => points[i] as Point;
  return fivePoints([middle(points.slice(36, 42)), middle(points.slice(42, 48)), at(30), at(48), at(54)]);
}

/** Points from `x1 y1 x2 y2 ...`. */
export function pairs(numbers: readonly number[]): Point[] {
  return Array.from({ length: Math.floor(numbers.length / 2) }, (_, i) => ({
    x: numbers[2 * i] as number,
    y: numbers[2 * i + 1] as number,
  }));
}

/** The first `count` lines, each `x y`; or what is wrong, with the line's number in front. */
export function parsePointLines(text: string, count: number): Point[] | string {
  const lines = text.split(/\r\n|\n|\r/);
  const points: Point[] = [];
  for (let i = 0; i < count; i++) {
    const [x = Number.NaN, y = Number.NaN, ...more] = (lines[i] ?? '')
      .trim()
      .split(/[\s,]+/)
      .map(toNumber);
    if (Number.isNaN(x) || Number.isNaN(y) || more.length > 0)
      return `${i + 1}: expected "x y", found "${(lines[i] ?? '').trim()}"`;
    points.push({ x, y });
  }
  return points;
}

const toNumber = (text: string): number => (text === '' ? Number.NaN : Number(text));

function middle(points: readonly Point[]): Point {
  const sum = points.reduce((total, { x, y }) => ({ x: total.x + x, y: total.y + y }), { x: 0, y: 0 });
  return { x: sum.x / points.length, y: sum.y / points.length };
}
