import { counted } from './counted.js';
import { UaferError } from './errors.js';
import { shown } from './shown.js';

const SHOWN = 8;

/**
 * Collects what is wrong with a data set, so that one run of the program names everything instead of the first thing only.
 */
export interface Problems {
  add(message: string): void;
  /** Throws `UaferError('DATA')` with the count and the first few messages when anything was added. */
  check(what: string): void;
}

export function collectProblems(): Problems {
  const messages: string[] = [];
  return {
    add: (message) => {
      messages.push(shown(message));
    },
    check: (what) => {
      if (messages.length === 0) return;
      const more = messages.length > SHOWN ? [`... and ${messages.length - SHOWN} more`] : [];
      throw new UaferError(
        'DATA',
        [`${what}: ${counted(messages.length, 'problem')}`, ...messages.slice(0, SHOWN), ...more].join('\n  '),
      );
    },
  };
}
