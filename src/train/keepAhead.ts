/** Fills what is kept of pictures on the disk before a run: their pixels, and what the task keeps of those that it trains on. */
import type { TrainConfig } from '../config/schema.js';
import { createLoader } from '../data/loader.js';
import type { Batch } from '../data/types.js';
import { noGrad, scope } from '../engine/index.js';
import { inPrecision } from '../task/precision.js';
import type { Task } from '../task/task.js';

export interface KeepAheadHooks {
  /** Told of how many pictures of all are done. */
  onProgress?: (done: number, total: number) => void;
  shouldStop?: () => boolean;
}

export interface KeptAhead {
  /** Whether all pictures were looked at; not where it was asked to stop. */
  finished: boolean;
  /** Pictures of both parts that were looked at, and why others cannot be read, by path. */
  pictures: number;
  unreadable: ReadonlyMap<string, string>;
  /** Whether there was no room for all. */
  full: boolean;
  /** What there is to say of damage and of room. */
  notes: string[];
}

/**
 * Goes through the training and test pictures once. What is kept already is only looked for, so that a second call goes on where one was stopped.
 *
 * @param config with the device and precision that `prepareEngine` chose
 * @throws UaferError as `BatchSource.epoch` does
 */
export async function keepAhead(task: Task, config: TrainConfig, hooks: KeepAheadHooks = {}): Promise<KeptAhead> {
  const { onProgress = () => {}, shouldStop = () => false } = hooks;
  const { train, test } = task.dataset;
  const unreadable = new Map<string, string>();
  const notes = new Set<string>();
  let full = false;
  let pictures = 0;
  let done = 0;
  for (const samples of [train, test]) {
    // As for an evaluation: in the list's order, without augmentation.
    const loader = createLoader(samples, config, task.preprocessing, 'test');
    try {
      for await (const batch of loader.epoch(0)) {
        if (samples === train) keepOf(task, config, batch);
        pictures += batch.labels.length;
        done += config.optimizer.testBatchSize;
        onProgress(Math.min(done, train.length + test.length), train.length + test.length);
        if (shouldStop()) break;
      }
    } finally {
      await loader.close();
    }
    for (const [path, reason] of loader.unreadable) unreadable.set(path, reason);
    const told = [loader.notes, ...(task.keeping ?? []).map((each) => each.notes)];
    for (const [kind, text] of told.flatMap((each) => [...each])) {
      full ||= kind === 'stopped';
      notes.add(text);
    }
    if (shouldStop()) return { finished: false, pictures, unreadable, full, notes: [...notes] };
    done = samples.length;
  }
  return { finished: true, pictures, unreadable, full, notes: [...notes] };
}

function keepOf({ keeping = [] }: Task, config: TrainConfig, batch: Batch): void {
  for (const { variants, keep } of keeping) {
    const seen = variants === 2 ? [batch, mirrored(batch)] : [batch];
    for (const variant of seen) noGrad(() => scope(() => inPrecision(config, () => keep(variant))));
  }
}

/** The same pictures with left and right changed, as the augmentation `flip` has them. */
function mirrored(batch: Batch): Batch {
  const width = batch.shape[3];
  const images = batch.images.slice();
  for (let row = 0; row < images.length; row += width) images.subarray(row, row + width).reverse();
  return { ...batch, images, variants: new Uint8Array(batch.labels.length).fill(1) };
}
