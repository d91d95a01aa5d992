/** The work on one picture file: decode, detect, align, write. */
import { copyFileSync } from 'node:fs';
import { extname, join } from 'node:path';
import { decodePicture } from '../codec/decode.js';
import { encodedName, encodePicture } from '../codec/encode.js';
import { UaferError } from '../errors.js';
import { type AlignOptions, alignFace, centreCrop } from '../faces/alignFace.js';
import { type AlignedFace, alignPhoto } from '../faces/alignPhoto.js';
import type { Selection } from '../faces/select.js';
import type { Detector, DetectorName, Face } from '../faces/types.js';
import { replaceFile, writeFileAtomically } from '../files.js';
import type { Picture } from '../image/picture.js';
import { readLandmarkFile } from './landmarkFile.js';

/** What becomes of a picture in which no face is found: nothing, its middle, or the file as it is. */
export type NoFace = 'skip' | 'centre' | 'copy';

/** Everything that decides an aligned picture beside the photo. */
export interface AlignSettings extends AlignOptions {
  detector: DetectorName;
  /** Options of the detector, by its own names. */
  detection: Readonly<Record<string, unknown>>;
  selection: Selection;
  noFace: NoFace;
}

export interface AlignJob {
  path: string;
  /** Its name in the output, with slashes: where it stood below the input. */
  file: string;
  /** A file with the face's landmarks in the stored rows' pixels, which is believed instead of a detector. */
  landmarks?: string;
}

/** A face as `faces.jsonl` has it: `written` is the aligned picture's name, for those that were chosen. */
type FaceRecord = Face & { written?: string };

/** What was found in a picture; or why it could not be read. Positions are those of the upright photo, with a landmark file those of its rows. */
export type PictureRecord =
  | {
      file: string;
      width: number;
      height: number;
      faces: FaceRecord[];
      /** Without a face: what became of the picture, and as which file. */
      noFace?: { done: NoFace; written?: string };
    }
  | { file: string; error: string };

/** Makes the aligned pictures of a job below `out`. Throws only what stops everything, such as a full disk. */
export async function alignFile(
  job: AlignJob,
  out: string,
  detector: () => Promise<Detector>,
  settings: AlignSettings,
): Promise<PictureRecord> {
  const { file, path } = job;
  try {
    const photo = await decodePicture(path, { upright: job.landmarks === undefined });
    const { faces, aligned } = job.landmarks
      ? alignedBy(readLandmarkFile(job.landmarks), photo, settings)
      : await alignPhoto(photo, await detector(), settings);
    const { width, height } = photo;
    if (aligned.length === 0) return { file, width, height, faces, noFace: await withoutFace(job, photo, out, settings) };
    const names = new Map(aligned.map(({ face }, i) => [face, aligned.length > 1 ? numbered(file, i + 1) : encodedName(file)]));
    for (const { face, picture } of aligned) await write(picture, out, names.get(face) as string);
    const record = (face: Face): FaceRecord => {
      const written = names.get(face);
      return written === undefined ? face : { ...face, written };
    };
    return { file, width, height, faces: faces.map(record) };
  } catch (error) {
    if (error instanceof UaferError && (error.code === 'IMAGE' || error.code === 'DATA')) return { file, error: error.message };
    throw error;
  }
}

/** The picture files that a record says were written. */
export function writtenFiles(record: PictureRecord): string[] {
  if ('error' in record) return [];
  const all = [...record.faces.map(({ written }) => written), record.noFace?.written];
  return all.filter((name) => name !== undefined);
}

function alignedBy(face: Face, photo: Picture, settings: AlignSettings): { faces: Face[]; aligned: AlignedFace[] } {
  const picture = alignFace(photo, face, settings);
  return { faces: [face], aligned: picture ? [{ face, picture }] : [] };
}

async function withoutFace(
  { path, file }: AlignJob,
  photo: Picture,
  out: string,
  { noFace, size }: AlignSettings,
): Promise<{ done: NoFace; written?: string }> {
  if (noFace === 'skip') return { done: noFace };
  const written = noFace === 'copy' ? file : encodedName(file);
  if (noFace === 'copy') replaceFile(join(out, written), (partial) => copyFileSync(path, partial));
  else await write(centreCrop(photo, size), out, written);
  return { done: noFace, written };
}

async function write(picture: Picture, out: string, name: string): Promise<void> {
  writeFileAtomically(join(out, name), await encodePicture(picture, name));
}

/** `a/b.jpg` -> `a/b_2.jpg`. */
function numbered(file: string, i: number): string {
  const name = encodedName(file);
  const ending = extname(name);
  return `${name.slice(0, -ending.length)}_${i}${ending}`;
}
