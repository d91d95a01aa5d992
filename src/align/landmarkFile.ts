import { UaferError } from '../errors.js';
import { fivePoints, parsePointLines } from '../faces/landmarks.js';
import type { Face } from '../faces/types.js';
import { readRegularFileSync } from '../regularFiles.js';
import { shown } from '../shown.js';
import { reasonOf } from '../systemErrors.js';

/** Eyes, nose, corners of the mouth. */
const POINTS = 5;

/**
 * A face of which somebody else found the five points: a text file whose first five lines are `x y` of the eyes, the nose and the corners of
 * the mouth, as RAF-DB's `train_00001_manu_attri.txt`. Its box is the one around the points.
 *
 * @throws UaferError `DATA` naming file and line, or why the file cannot be read
 */
export function readLandmarkFile(path: string): Face {
  const points = parsePointLines(readText(path), POINTS);
  if (typeof points === 'string') throw new UaferError('DATA', `${shown(path)}:${shown(points)}`);
  const [xs, ys] = [points.map(({ x }) => x), points.map(({ y }) => y)];
  const [left, top] = [Math.min(...xs), Math.min(...ys)];
  const box = { left, top, width: Math.max(...xs) - left, height: Math.max(...ys) - top };
  return { box, landmarks: fivePoints(points), score: 1 };
}

function readText(path: string): string {
  try {
    return readRegularFileSync(path, 'annotation').toString('utf8');
  } catch (cause) {
    throw new UaferError('DATA', `${shown(path)} cannot be read: ${reasonOf(cause)}`, { cause });
  }
}
