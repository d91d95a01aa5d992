/** Geometry of boxes, for both detectors and for faces that are followed. */
import type { Box } from './types.js';

/** In pixels. */
export interface Edges {
  left: number;
  top: number;
  right: number;
  bottom: number;
}

export interface ScoredBox extends Edges {
  score: number;
}

/**
 * How much two boxes are the same, in [0, 1]: shared area over the area of both together; or over the smaller one's area, edges counted as
 * pixels that belong to the box, so that a box within another one overlaps wholly.
 */
export type Overlap = 'union' | 'smaller';

/** The edges of a box that is grown by a part of its size on each side. */
export function edgesOf({ left, top, width, height }: Box, growth = 0): Edges {
  const [x, y] = [width * growth, height * growth];
  return { left: left - x, top: top - y, right: left + width + x, bottom: top + height + y };
}

/** Shared area over the area of both together; 0 for boxes that share none. */
export function intersectionOverUnion(a: Edges, b: Edges): number {
  const width = Math.min(a.right, b.right) - Math.max(a.left, b.left);
  const height = Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top);
  if (width <= 0 || height <= 0) return 0;
  const shared = width * height;
  return shared / ((a.right - a.left) * (a.bottom - a.top) + (b.right - b.left) * (b.bottom - b.top) - shared);
}

/**
 * Greedy non-maximum suppression: the best box stays, all that overlap it by more than the threshold go, and so on with those left.
 * The result is ordered by score; of equal ones the earlier comes first.
 */
export function suppressNonMaxima<Box extends ScoredBox>(boxes: readonly Box[], threshold: number, overlap: Overlap): Box[] {
  const kept: Box[] = [];
  const edges = new Float64Array(boxes.length * EDGES);
  for (const box of byScore(boxes)) {
    if (overlapsAny(edges, kept.length, box, threshold, overlap)) continue;
    edges.set([box.left, box.top, box.right, box.bottom], kept.length * EDGES);
    kept.push(box);
  }
  return kept;
}

const EDGES = 4;

/** In typed memory: a photo of a crowd has thousands of proposals, and millions of pairs. */
function overlapsAny(edges: Float64Array, count: number, box: ScoredBox, threshold: number, overlap: Overlap): boolean {
  const extra = overlap === 'smaller' ? 1 : 0;
  const { left, top } = box;
  const right = box.right + extra;
  const bottom = box.bottom + extra;
  const area = (right - left) * (bottom - top);
  for (let at = 0; at < count * EDGES; at += EDGES) {
    const [otherLeft, otherTop] = [edges[at] as number, edges[at + 1] as number];
    const otherRight = (edges[at + 2] as number) + extra;
    const otherBottom = (edges[at + 3] as number) + extra;
    const width = Math.min(right, otherRight) - Math.max(left, otherLeft);
    if (width <= 0) continue;
    const height = Math.min(bottom, otherBottom) - Math.max(top, otherTop);
    if (height <= 0) continue;
    const otherArea = (otherRight - otherLeft) * (otherBottom - otherTop);
    const shared = width * height;
    const whole = overlap === 'smaller' ? Math.min(area, otherArea) : area + otherArea - shared;
    if (shared / whole > threshold) return true;
  }
  return false;
}

/** The best first; of equal scores the earlier. */
export function byScore<Box extends { score: number }>(boxes: readonly Box[]): Box[] {
  return [...boxes].sort((a, b) => b.score - a.score);
}
