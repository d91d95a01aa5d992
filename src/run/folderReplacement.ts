/** Folders that are replaced whole, so that a process killed at any moment leaves the old one or the new one. */
import { closeSync, copyFileSync, existsSync, fsyncSync, linkSync, mkdirSync, openSync, renameSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';

/**
 * Puts a folder that `fill` makes in place of the one that may be there. At every moment `folder`, or `folder.next` beside it, is whole.
 *
 * @param last name of the file whose being there means that the folder is whole
 */
export function replaceFolder(folder: string, last: string, fill: (partial: string) => void): void {
  finishReplacement(folder);
  const partial = `${folder}.partial`;
  rmSync(partial, { recursive: true, force: true });
  mkdirSync(partial, { recursive: true });
  fill(partial);
  flush(join(partial, last));
  flush(partial);
  renameSync(partial, `${folder}.next`);
  finishReplacement(folder);
  flush(dirname(folder));
}

/** The folder to read for `folder`: itself, or the one that a killed process had not yet renamed to it; null when neither is whole. */
export function wholeFolder(folder: string, last: string): string | null {
  return [folder, `${folder}.next`].find((candidate) => existsSync(join(candidate, last))) ?? null;
}

/** The same file under another name: files of such folders are never changed, so a second copy of the bytes would only take room. */
export function linkOrCopy(from: string, to: string): void {
  try {
    linkSync(from, to);
  } catch {
    copyFileSync(from, to);
  }
}

/** `folder.next` exists only whole; moving it to `folder` takes two renames, and whoever comes after a kill finishes them. */
function finishReplacement(folder: string): void {
  const next = `${folder}.next`;
  const old = `${folder}.old`;
  rmSync(old, { recursive: true, force: true });
  if (!existsSync(next)) return;
  if (existsSync(folder)) renameSync(folder, old);
  renameSync(next, folder);
  rmSync(old, { recursive: true, force: true });
}

/** To the disk: a rename must not outlive the contents in a power cut. Windows cannot open folders, and needs no flush of them. */
function flush(path: string): void {
  if (process.platform === 'win32') return;
  const file = openSync(path, 'r');
  try {
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
}
