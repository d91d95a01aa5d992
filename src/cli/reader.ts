/** What becomes of a command when nobody reads any more what it prints: `uafer train 2>&1 | head -2`, or a terminal that was closed. */

/** A pipe without a reader, and a terminal that is gone. */
const GONE = ['EPIPE', 'EIO'];

let worksOn = false;

/** For commands whose work counts, not what they print: they go on in silence. Others end, since their answer has no reader. */
export function workOnUnread(): void {
  worksOn = true;
}

/**
 * Installs what happens; to be called once, before anything is printed.
 *
 * @param onFailure told why a result could not be written, as to a full disk
 */
export function watchReader(onFailure: (error: NodeJS.ErrnoException) => void): void {
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (!isGone(error)) return onFailure(error);
    // As in `uafer train --help | head`: a reader that has seen enough is no failure.
    if (!worksOn) process.exit(0);
  });
  // Where nothing can be said, the work goes on, and its exit code tells how it ended.
  process.stderr.on('error', () => {});
}

const isGone = ({ code = '' }: NodeJS.ErrnoException) => GONE.includes(code);
