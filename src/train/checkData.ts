/** What a run trains on: told, and looked at, before it starts. */
import type { TrainConfig } from '../config/schema.js';
import { counted } from '../counted.js';
import { checkPictures } from '../data/checkPictures.js';
import { transformFor } from '../data/datasets.js';
import type { Dataset, Sample } from '../data/types.js';
import type { TrainingEvent } from '../run/messages.js';
import { shown } from '../shown.js';
import type { Task } from '../task/task.js';
import type { TrainHooks } from './run.js';

/** A message a picture would take longer than its header. */
const TOLD_EVERY = 100;

/**
 * Tells the pictures, classes and split of a task, and reads every picture's header. Throws `DATA`, `IMAGE` and `INTERRUPTED` as
 * `checkPictures` does.
 */
export async function checkData(
  { dataset, preprocessing, keeping = [] }: Task,
  config: TrainConfig,
  hooks: TrainHooks,
): Promise<void> {
  const { onEvent: emit = () => {}, shouldStop = () => false } = hooks;
  const { augment, centerCrop, allowUnreadable } = config.data;
  const choice = { dataset: config.dataset, preprocessing, train: true, augment, centerCrop };
  emit(dataEvent(dataset));
  const oblong = await checkPictures(dataset, {
    ...transformFor(choice),
    allowUnreadable,
    onProgress: (done, total) => {
      if (done % TOLD_EVERY === 0 || done === total) emit({ kind: 'checking', done, total });
    },
    shouldStop,
  });
  for (const { what, file, count } of keeping) {
    const { there, all } = count();
    emit({ kind: 'log', text: `${there} of ${all} ${what} are kept in ${shown(file)}.` });
  }
  if (oblong === 0) return;
  const are = counted(oblong, 'picture is', 'pictures are');
  emit({
    kind: 'log',
    text: `${are} not square: the middle is cut out (--center-crop; with --center-crop false that is an error).`,
  });
}

function dataEvent({ name, root, classes, train, test, notes = [] }: Dataset): TrainingEvent {
  const count = (samples: readonly Sample[], label: number) => samples.filter((sample) => sample.label === label).length;
  return {
    kind: 'data',
    dataset: name,
    root,
    train: train.length,
    test: test.length,
    classes: classes.map((each, label) => ({ name: each, train: count(train, label), test: count(test, label) })),
    notes,
  };
}
