import { join } from 'node:path';
import { type Journal as AnyJournal, openJournal as openAnyJournal } from '../journal.js';
import type { Outcome } from './make.js';

/** A line of `pictures.jsonl`. */
export interface JournalEntry {
  /** Relative to the data set. */
  path: string;
  outcome: Outcome;
  /** Of the raw picture that it was made from. */
  from: string;
  /** Why it is not simply `aligned` or `copied`. */
  why?: string;
}

export type Journal = AnyJournal<JournalEntry>;

/** What has been done in the data set `out`, by the pictures' paths. */
export function openJournal(out: string): Journal {
  return openAnyJournal(join(out, 'pictures.jsonl'), ({ path }) => path);
}
