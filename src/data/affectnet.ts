import { isAbsolute, join } from 'node:path';
import { readLists } from './lists.js';
import { byClass, splitEntries } from './split.js';
import type { Dataset, Parts } from './types.js';

/** AffectNet's expressions in the order of its labels 0 to 7 (Mollahosseini, Hasani and Mahoor 2017); the 7 classes lack the last. */
export const AFFECTNET_CLASSES = ['neutral', 'happy', 'sad', 'surprise', 'fear', 'disgusted', 'anger', 'contempt'] as const;

/**
 * Reads AffectNet in the original's layout: lists in `affectnet_info` (their names end in `_8cls` for 8 classes), pictures in
 * `Manually_Annotated_Images`. Names are absolute, relative to the root, or relative to `Manually_Annotated_Images`.
 *
 * As in the original the test pictures are ordered by class, then by index, and the training pictures by index alone.
 *
 * @throws UaferError `DATA` naming file and line (see `readLists`), or the pictures that are not there.
 */
export function loadAffectnet(dataPath: string, classCount: 7 | 8, parts: Parts): Dataset {
  const entries = readLists({
    folder: join(dataPath, 'affectnet_info'),
    suffix: classCount === 8 ? '_8cls' : '',
    firstLabel: 0,
    lastLabel: classCount - 1,
  });
  const pathOf = (name: string) =>
    isAbsolute(name) ? [name] : [join(dataPath, name), join(dataPath, 'Manually_Annotated_Images', name)];
  const { train, test } = splitEntries(entries, { firstLabel: 0, parts, pathOf });
  return {
    name: classCount === 8 ? 'affectnet_8' : 'affectnet',
    root: dataPath,
    classes: AFFECTNET_CLASSES.slice(0, classCount),
    train,
    test: byClass(test, classCount),
  };
}
