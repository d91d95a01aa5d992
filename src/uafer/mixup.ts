/** Mixup (Zhang et al. 2018): a network that sees two pictures in one is asked for both answers, by their shares. */
import type { TrainConfig } from '../config/schema.js';
import type { Batch } from '../data/types.js';
import { ops, type Tensor } from '../engine/index.js';
import { mixingShare, mixRows } from '../task/mixup.js';
import type { LossParts, Moment } from '../task/task.js';

/** Images (B, 3, S, S), mixed as `src/task/mixup.ts` says, and the share that each has of itself; as they are with share 1 where nothing is mixed. */
export function mixed(
  images: Tensor,
  { data: { mixup }, seed }: Pick<TrainConfig, 'data' | 'seed'>,
  moment: Pick<Moment, 'epoch' | 'step'>,
): { images: Tensor; share: number } {
  const share = mixingShare(mixup, seed, moment);
  return { images: share === 1 ? images : mixRows(images, share), share };
}

/** What the other pictures are, in the order of those that they were mixed into. */
export function reversed({ labels, indices, votes }: Batch): Pick<Batch, 'labels' | 'indices' | 'votes'> {
  const rows = labels.length;
  const classes = votes ? votes.length / rows : 0;
  const turned = votes && Float32Array.from(votes, (_, i) => votes[at(i, rows, classes)] as number);
  return { labels: labels.toReversed(), indices: indices.toReversed(), ...(turned ? { votes: turned } : {}) };
}

/** Position in (B, C) of element i of the rows in reverse. */
function at(i: number, rows: number, classes: number): number {
  return (rows - 1 - Math.floor(i / classes)) * classes + (i % classes);
}

/** share of one loss and 1 - share of the other, part by part. */
export function blended(own: LossParts, other: LossParts, share: number): LossParts {
  const blend = (a: Tensor, b: Tensor) => ops.lerp(b, a, share);
  const parts = Object.entries(own.parts).map(([name, part]) => [name, blend(part, other.parts[name] as Tensor)] as const);
  return { loss: blend(own.loss, other.loss), parts: Object.fromEntries(parts) };
}
