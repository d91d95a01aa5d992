/** What the sets that were made in a laboratory share: people who are seen in several pictures, and no split by their owners. */
import { folderLayout, outputName, rafdbLayout } from './layout.js';
import { testPeople } from './people.js';
import type { Alignment, Expression, FaceHint, Layout, PictureSource, PlannedPicture } from './plan.js';

/**
 * `lists`: RAF-DB's three lists, its labels and `subjects.txt`, for `--dataset rafdb`. `folder`: a folder for each class that there is,
 * for `--dataset folder`; the way to have 6 classes, or contempt as one.
 */
export type LaboratoryLayout = 'lists' | 'folder';

/** A picture of a person, before training and test are told apart. */
export interface LaboratoryPicture {
  source: PictureSource;
  /** A file name that no other picture of the set has. */
  file: string;
  label: Expression;
  subject: string;
  face?: FaceHint;
}

/** Gives each picture its place, and its side of the split by people that `testPeople` makes. */
export function placeByPeople(
  raw: string,
  pictures: readonly LaboratoryPicture[],
  { layout, align }: { layout: LaboratoryLayout; align: Alignment },
): { pictures: PlannedPicture[]; layout: Layout } {
  const test = testPeople(
    pictures.map(({ subject }) => subject),
    raw,
  );
  const folder = align === 'none' ? 'original' : 'aligned_224';
  const planned = pictures.map(({ file, ...picture }): PlannedPicture => {
    const train = !test.has(picture.subject);
    const output = outputName(file, align);
    const inFolder = `${train ? 'train' : 'test'}/${picture.label}/${output}`;
    return layout === 'folder'
      ? { ...picture, train, name: inFolder, path: inFolder }
      : { ...picture, train, name: `${folder}/${output}`, path: `basic/Image/${folder}/${output}` };
  });
  return { pictures: planned, layout: layout === 'folder' ? folderLayout : rafdbLayout };
}

/** The first frames of a sequence, which are neutral, and the last, which show its expression; null when it has too few for both. */
export function chooseFrames<T>(frames: readonly T[], neutral: number, peak: number): { neutral: T[]; peak: T[] } | null {
  if (frames.length < neutral + peak) return null;
  return { neutral: frames.slice(0, neutral), peak: peak === 0 ? [] : frames.slice(-peak) };
}
