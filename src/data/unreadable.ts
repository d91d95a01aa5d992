import { UaferError } from '../errors.js';

const SHARE = 0.01;
const NAMED = 5;

/**
 * Throws `IMAGE` when more than 1% of `total` pictures could not be read and that is not allowed.
 *
 * @param unreadable the reason of each, by path
 */
export function refuseUnreadable(total: number, unreadable: ReadonlyMap<string, string>, allowed: boolean): void {
  if (allowed || unreadable.size <= total * SHARE) return;
  throw new UaferError(
    'IMAGE',
    `${unreadable.size} of ${total} pictures could not be read so far, which is more than ${SHARE * 100}%. ` +
      `Repair them, or go on without them by --allow-unreadable: ${named(unreadable)}`,
  );
}

/** The first few reasons, a line each. */
export function named(unreadable: ReadonlyMap<string, string>): string {
  const reasons = [...unreadable.values()];
  const more = reasons.length > NAMED ? [`... and ${reasons.length - NAMED} more`] : [];
  return [...reasons.slice(0, NAMED), ...more].map((line) => `\n  ${line}`).join('');
}
