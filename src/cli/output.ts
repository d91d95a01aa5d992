/** What a person reads while a command runs goes to stderr; results go to stdout, so that they can be piped. */

import { shownJson, shownText } from '../shown.js';

/** How much a command says, and how. */
export interface Verbosity {
  quiet?: boolean;
  json?: boolean;
}

export function printJson(value: unknown): void {
  process.stdout.write(`${shownJson(value)}\n`);
}

/** A result for people to read, on stdout. */
export function printText(text: string): void {
  process.stdout.write(`${shownText(text)}\n`);
}

/** A line on stderr, unless `--quiet`. */
export function notes({ quiet }: Verbosity): (line: string) => void {
  return quiet ? () => {} : (line) => void process.stderr.write(`${shownText(line)}\n`);
}
