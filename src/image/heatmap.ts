/** Which parts of a picture speak for which class. */

/**
 * Affinities of a picture's patches to the classes, row by row from the top left. The mean of the `topk` largest of a class is its local score
 * (MFD; Zhou et al. 2024), so those are the patches that speak for it.
 */
export interface Heatmap {
  rows: number;
  columns: number;
  topk: number;
  /** By class. */
  classes: Record<string, number[]>;
}

/** What is the same for all pictures of a model. */
export interface HeatmapForm extends Pick<Heatmap, 'rows' | 'columns' | 'topk'> {
  /** In the order of the affinities. */
  classes: readonly string[];
}

/** The heat map of picture `i` of a batch, from (B, rows * columns, C) affinities. */
export function heatmapAt(affinities: Float32Array, i: number, { rows, columns, topk, classes }: HeatmapForm): Heatmap {
  const patches = rows * columns;
  const from = i * patches * classes.length;
  const of = (c: number) =>
    Array.from({ length: patches }, (_, patch) => affinities[from + patch * classes.length + c] as number);
  return { rows, columns, topk, classes: Object.fromEntries(classes.map((name, c) => [name, of(c)])) };
}

/** Positions of the `topk` patches with the largest affinities, the largest first; of equal ones those that come earlier. */
export function topPatches(affinities: readonly number[], topk: number): number[] {
  const value = (patch: number) => affinities[patch] as number;
  return [...affinities.keys()].sort((a, b) => value(b) - value(a) || a - b).slice(0, topk);
}
