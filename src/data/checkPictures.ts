/** A look at every picture's header before training: what would stop a run in its middle is told before its first step. */
import { type PictureSize, pictureSize } from '../codec/size.js';
import { forEachConcurrently } from '../concurrent.js';
import { UaferError } from '../errors.js';
import { isOblong } from '../image/preprocess.js';
import { collectProblems } from '../problems.js';
import type { TransformOptions } from './augment.js';
import type { Sample } from './types.js';
import { refuseUnreadable } from './unreadable.js';

export interface PictureCheck extends Pick<TransformOptions, 'imageSize' | 'resize' | 'centerCrop'> {
  allowUnreadable: boolean;
  /** Told after every picture how many are done. */
  onProgress?(done: number, total: number): void;
  /** Asked before every picture; true ends the check. */
  shouldStop?(): boolean;
}

/** Headers that are read at once, by the threads of the system: twice as many as Node sets to work, so that none waits. */
const AT_ONCE = 8;

/**
 * Reads the sizes of the pictures of both parts, where their shape matters (`shorter-bicubic`), and returns how many are not square.
 *
 * @throws UaferError `DATA` naming the first of those without `centerCrop`; `IMAGE` when more than 1% of a part have no readable header and
 *   that is not allowed; `INTERRUPTED` when asked to stop.
 */
export async function checkPictures(
  parts: Readonly<Record<'train' | 'test', readonly Sample[]>>,
  options: PictureCheck,
): Promise<number> {
  if (options.resize === 'square-bilinear') return 0;
  const total = parts.train.length + parts.test.length;
  const oblong: string[] = [];
  let done = 0;
  for (const samples of [parts.train, parts.test]) {
    const unreadable = new Map<string, string>();
    await forEachConcurrently(samples, AT_ONCE, async ({ path }) => {
      if (options.shouldStop?.()) throw new UaferError('INTERRUPTED', 'Stopped before the training began.');
      const size = await sizeOrReason(path);
      if (typeof size === 'string') unreadable.set(path, size);
      else if (isOblong(size, options.imageSize)) oblong.push(`${path} is ${size.width} x ${size.height}`);
      options.onProgress?.(++done, total);
    });
    refuseUnreadable(samples.length, unreadable, options.allowUnreadable);
  }
  if (!options.centerCrop) refuseOblong(oblong, total);
  return oblong.length;
}

async function sizeOrReason(path: string): Promise<PictureSize | string> {
  try {
    return await pictureSize(path);
  } catch (error) {
    return (error as Error).message;
  }
}

function refuseOblong(oblong: readonly string[], total: number): void {
  const problems = collectProblems();
  for (const text of [...oblong].sort()) problems.add(text);
  problems.check(
    `${oblong.length} of ${total} pictures ${oblong.length === 1 ? 'is' : 'are'} not square. Align them (uafer align, uafer prepare), or have their middle cut out by ` +
      '--center-crop',
  );
}
