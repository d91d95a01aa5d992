/** Geometry of scored boxes, for both detectors. */

/** Edges in pixels. */
export interface ScoredBox {
  left: number;
  top: number;
  right: number;
  bottom: number;
  score: number;
}

/** How much two boxes are the same, in [0, 1]. */
export type Overlap = (a: ScoredBox, b: ScoredBox) => number;

/** Shared area over the area of both together; 0 for boxes without area. */
export function intersectionOverUnion(a: ScoredBox, b: ScoredBox): number {
  const width = Math.min(a.right, b.right) - Math.max(a.left, b.left);
  const height = Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top);
  if (width <= 0 || height <= 0) return 0;
  const shared = width * height;
  return shared / ((a.right - a.left) * (a.bottom - a.top) + (b.right - b.left) * (b.bottom - b.top) - shared);
}

/** Shared area over the smaller one's area, edges counted as pixels that belong to the box. A box within another one overlaps wholly. */
export function intersectionOverSmaller(a: ScoredBox, b: ScoredBox): number {
  const width = Math.min(a.right, b.right) - Math.max(a.left, b.left) + 1;
  const height = Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top) + 1;
  if (width <= 0 || height <= 0) return 0;
  const areaOfA = (a.right - a.left + 1) * (a.bottom - a.top + 1);
  const areaOfB = (b.right - b.left + 1) * (b.bottom - b.top + 1);
  return (width * height) / Math.min(areaOfA, areaOfB);
}

/**
 * Greedy non-maximum suppression: the best box stays, all that overlap it by more than the threshold go, and so on with those left.
 * The result is ordered by score; of equal ones the earlier comes first.
 */
export function suppressNonMaxima<Box extends ScoredBox>(boxes: readonly Box[], threshold: number, overlap: Overlap): Box[] {
  const kept: Box[] = [];
  for (const box of byScore(boxes)) {
    if (kept.every((better) => overlap(better, box) <= threshold)) kept.push(box);
  }
  return kept;
}

/** The best first; of equal scores the earlier. */
export function byScore<Box extends { score: number }>(boxes: readonly Box[]): Box[] {
  return [...boxes].sort((a, b) => b.score - a.score);
}
