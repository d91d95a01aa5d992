/**
 * Names of the pictures that alignment writes. They follow from the photos' names alone, so that no two photos ever get the same, whatever
 * is found in them, by however many threads and after however many interruptions.
 */
import { dirname, extname } from 'node:path';
import { encodedName } from '../codec/encode.js';

/** The names that the pictures of one photo may get. */
export interface OutputNames {
  /** Of the only face, or of the photo's middle. */
  single: string;
  /** Of the photo as it is. */
  copy: string;
  /** Names of the form that this photo's faces get when there are several, `a_3.jpg`, which belong to other photos. */
  taken: readonly string[];
}

export interface NamePlan {
  /** By the photos' names. */
  of: ReadonlyMap<string, OutputNames>;
  /** Of the sheet that shows photos and results. */
  preview: string;
}

/** What stands beside the pictures. */
const RECORDS = ['faces.jsonl', 'left-out.txt'];

/**
 * Names for the pictures of `files`, which differ from each other. A photo's own name comes first, with `.png` added where pictures are not
 * written in its format, and then those of its faces, numbered; where a name belongs to something else, it gets `_` before its ending.
 *
 * @param others pictures in the output that are of none of these photos: they stay
 */
export function planNames(files: readonly string[], others: readonly string[]): NamePlan {
  const reserved = new Set(RECORDS);
  for (const name of [...files, ...others]) addFolders(name, reserved);
  for (const name of others) reserved.add(name);
  const reserve = (wanted: string): string => {
    const name = firstFree(wanted, reserved);
    reserved.add(name);
    return name;
  };
  const sorted = [...files].sort();
  const copies = new Map(sorted.map((file) => [file, reserve(file)]));
  const singles = new Map(
    sorted.map((file) => {
      const name = encodedName(file);
      return [file, name === file ? (copies.get(file) as string) : reserve(name)];
    }),
  );
  const preview = reserve('preview.png');
  const families = byFamily(reserved);
  const namesOf = (file: string): OutputNames => {
    const single = singles.get(file) as string;
    return { single, copy: copies.get(file) as string, taken: families.get(single) ?? [] };
  };
  return { of: new Map(sorted.map((file) => [file, namesOf(file)])), preview };
}

/** The names of a photo's `count` aligned faces, in their order. */
export function faceNames({ single, taken }: OutputNames, count: number): string[] {
  if (count === 1) return [single];
  const known = new Set(taken);
  return Array.from({ length: count }, (_, i) => firstFree(beforeEnding(single, `_${i + 1}`), known));
}

/** No photo's faces get a number that ends in `_` unless their own was taken, so that names of two photos stay different with it. */
function firstFree(wanted: string, reserved: ReadonlySet<string>): string {
  let name = wanted;
  while (reserved.has(name)) name = beforeEnding(name, '_');
  return name;
}

/** `a/b.jpg`, `_2` -> `a/b_2.jpg`. */
function beforeEnding(name: string, text: string): string {
  const ending = extname(name);
  return `${name.slice(0, name.length - ending.length)}${text}${ending}`;
}

/** A folder's name is no picture's. */
function addFolders(name: string, reserved: Set<string>): void {
  for (let folder = dirname(name); folder !== '.' && folder !== '/'; folder = dirname(folder)) reserved.add(folder);
}

/** Names of the form of a numbered face, by the name that the only face would have: `a_3.jpg` and `a_3_.jpg` by `a.jpg`. */
function byFamily(names: Iterable<string>): ReadonlyMap<string, readonly string[]> {
  const families = new Map<string, string[]>();
  for (const name of names) {
    const [, stem, ending] = /^(.*)_[1-9]\d*_*(\.[^./]*)$/s.exec(name) ?? [];
    if (stem === undefined || ending === undefined) continue;
    const family = families.get(stem + ending);
    if (family) family.push(name);
    else families.set(stem + ending, [name]);
  }
  return families;
}
