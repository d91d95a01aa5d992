import { counted } from '../counted.js';
import { UaferError } from '../errors.js';
import type { Dataset, Sample } from './types.js';

/**
 * `dataset` with the training pictures of `extra` added; its test pictures are as they were. Classes are matched by name. Where
 * `dataset` has votes, a picture without them counts as unanimous, but for a share `smoothing` of its vote that all classes have
 * alike (label smoothing, Szegedy et al. 2016).
 *
 * @throws UaferError `DATA` when `extra` has a class that `dataset` lacks.
 */
export function addTraining(dataset: Dataset, extra: Dataset, smoothing = 0): Dataset {
  const labels = extra.classes.map((name) => {
    const label = dataset.classes.indexOf(name);
    if (label >= 0) return label;
    throw new UaferError(
      'DATA',
      `${extra.root} has the class "${name}", which ${dataset.name} lacks. Its classes are: ${dataset.classes.join(', ')}.`,
    );
  });
  const withVotes = dataset.train.some(({ votes }) => votes !== undefined);
  const added = extra.train.map((sample): Sample => {
    const label = labels[sample.label] as number;
    return withVotes ? { ...sample, label, votes: unanimous(label, dataset.classes.length, smoothing) } : { ...sample, label };
  });
  const taken = `${counted(added.length, 'training picture')} of ${extra.root} added.`;
  const notes = [...(dataset.notes ?? []), taken, ...(extra.notes ?? []).map((note) => `${extra.root}: ${note}`)];
  return { ...dataset, train: [...dataset.train, ...added], notes };
}

/** All shares for one class, but for a share `smoothing` that all have alike. */
export function unanimous(label: number, classes: number, smoothing = 0): number[] {
  return Array.from({ length: classes }, (_, i) => (i === label ? 1 - smoothing : 0) + smoothing / classes);
}
