import { existsSync, readdirSync } from 'node:fs';
import { basename, dirname } from 'node:path';

/** Tells which files exist by reading each directory once: a data set has thousands of pictures in a handful of them. */
export interface DirectoryIndex {
  has(path: string): boolean;
}

export function createDirectoryIndex(): DirectoryIndex {
  const listings = new Map<string, ReadonlySet<string>>();
  const namesIn = (directory: string): ReadonlySet<string> => {
    let names = listings.get(directory);
    if (names === undefined) {
      names = new Set(existsSync(directory) ? readdirSync(directory) : []);
      listings.set(directory, names);
    }
    return names;
  };
  return { has: (path) => namesIn(dirname(path)).has(basename(path)) };
}
