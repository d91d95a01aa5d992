import { UaferError } from '../errors.js';
import { openRegularFile } from '../regularFiles.js';
import { reasonOf } from '../systemErrors.js';

/** Opens a file of weights for reading. Throws `CHECKPOINT` when it cannot be opened, or is no file. */
export function openWeights(path: string): number {
  try {
    return openRegularFile(path);
  } catch (cause) {
    throw new UaferError('CHECKPOINT', `${path} cannot be opened: ${reasonOf(cause)}`, { cause });
  }
}
