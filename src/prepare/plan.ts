/** What a reader of an owner's raw download finds: every picture that the data set will have, before anything is written. */
import type { Box, Landmarks } from '../faces/types.js';

export type SetName = 'rafdb' | 'affectnet' | 'fer2013' | 'ferplus' | 'ckplus' | 'jaffe' | 'oulu' | 'folder';

/** `none` takes the owner's picture as it is; the others are the styles of `uafer align`. */
export type Alignment = 'none' | 'similarity' | 'margin';

/** The expressions of all sets, by the names that the loaders' classes have. */
export type Expression = 'surprise' | 'fear' | 'disgusted' | 'happy' | 'sad' | 'anger' | 'neutral' | 'contempt';

/** A picture in the raw download. */
export interface PictureSource {
  /** For messages: a file, `archive.zip/entry` or `file.csv:17`. */
  readonly where: string;
  /** Changes when the picture in the raw download does. */
  fingerprint(): string;
  /** The bytes of a picture file. Throws `IMAGE` where it cannot be one. */
  read(): Promise<Uint8Array>;
}

/** What the owners say of the face in a picture, in its pixels. */
export interface FaceHint {
  /** Tells which face is meant where a detector finds several. */
  box?: Box;
  /** Five points that are taken instead of detection. */
  landmarks?: Landmarks;
}

export interface PlannedPicture {
  source: PictureSource;
  /** As the lists name it. */
  name: string;
  /** Where it goes: relative to the new data set, with slashes. */
  path: string;
  /** The class; FER+ has none here, since its votes decide. */
  label: string;
  train: boolean;
  /** Who is seen, in laboratory sets. */
  subject?: string;
  face?: FaceHint;
}

/** What the raw download has and the data set won't. */
export interface LeftOut {
  /** Picture, row or sequence. */
  where: string;
  why: string;
  /** As `why`, with what is true of this one alone. */
  detail?: string;
}

/** Pictures of each class as the owners state them, by the part that they state it of. */
export type Published = Partial<Record<'train' | 'test' | 'all', Readonly<Record<string, number>>>>;

/** How a data set lies on the disk, for the loader that reads it. */
export interface Layout {
  /** What `uafer train --dataset` calls it, with its further options. */
  dataset: string;
  /** The folders and files that make it, at its root. */
  tops: readonly string[];
  /** Text files by their paths, that make these pictures a data set. */
  lists(pictures: readonly PlannedPicture[]): Record<string, string>;
  /** Pictures of each class and part, as the loaders find them. Throws what the loaders throw. */
  count(out: string): PartCounts;
}

/** One column a part, one number a class. */
export interface PartCounts {
  classes: readonly string[];
  parts: readonly { name: string; counts: readonly number[] }[];
}

export interface Plan {
  set: SetName;
  pictures: readonly PlannedPicture[];
  leftOut: readonly LeftOut[];
  layout: Layout;
  published: Published;
  /** What a person should know beside the table. */
  notes: readonly string[];
  /** Closes archives. */
  close(): void;
}

/** Notes for each part whose pictures are not as many as the owners state. */
export function compareWithPublished(pictures: readonly PlannedPicture[], published: Published): string[] {
  return Object.entries(published).flatMap(([part, counts]) => {
    const found = pictures.filter(({ train }) => part === 'all' || train === (part === 'train')).length;
    const stated = Object.values(counts).reduce((total, count) => total + count, 0);
    if (found === stated) return [];
    const name = part === 'all' ? 'in all' : `for ${part === 'train' ? 'training' : 'test'}`;
    return [`The raw files give ${found} pictures ${name}; the owners state ${stated}.`];
  });
}
