import type { Tensor } from '../engine/index.js';
import { type Heatmap, type HeatmapForm, heatmapAt } from '../image/heatmap.js';
import { floats } from './softmaxPrediction.js';

/** A heat map for each picture of a batch, from the affinities (B, N, C) of its patches, which lie on a square. */
export function heatmapsOf(affinities: Tensor, form: Pick<HeatmapForm, 'topk' | 'classes'>): Heatmap[] {
  const [pictures, patches] = affinities.shape as [number, number, number];
  const side = Math.sqrt(patches);
  const values = floats(affinities);
  return Array.from({ length: pictures }, (_, i) => heatmapAt(values, i, { ...form, rows: side, columns: side }));
}
