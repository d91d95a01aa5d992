/** The work on one picture file: decode, detect, align, write. */
import { copyFileSync } from 'node:fs';
import { join } from 'node:path';
import { decodePicture } from '../codec/decode.js';
import { encodePicture } from '../codec/encode.js';
import { UaferError } from '../errors.js';
import { type AlignOptions, alignFace, centreCrop } from '../faces/alignFace.js';
import { type AlignedFace, alignPhoto } from '../faces/alignPhoto.js';
import type { Selection } from '../faces/select.js';
import type { Detector, DetectorName, Face } from '../faces/types.js';
import { replaceFile, writeFileAtomically } from '../files.js';
import type { Picture } from '../image/picture.js';
import { readLandmarkFile } from './landmarkFile.js';
import { faceNames, type OutputNames } from './outputNames.js';

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

/** A job with the names that its pictures may get, which no other job's may. */
export interface NamedJob extends AlignJob {
  names: OutputNames;
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
  job: NamedJob,
  out: string,
  detector: () => Promise<Detector>,
  settings: AlignSettings,
): Promise<PictureRecord> {
  const { file, path } = job;
  try {
    const photo = await decodePicture(path, { upright: isUpright(job) });
    const { faces, aligned } = job.landmarks
      ? alignedBy(readLandmarkFile(job.landmarks), photo, settings)
      : await alignPhoto(photo, await detector(), settings);
    const { width, height } = photo;
    if (aligned.length === 0) return { file, width, height, faces, noFace: await withoutFace(job, photo, out, settings) };
    const written = faceNames(job.names, aligned.length);
    const names = new Map(aligned.map(({ face }, i) => [face, written[i] as string]));
    for (const { face, picture } of aligned) await write(picture, out, names.get(face) as string);
    const record = (face: Face): FaceRecord => {
      const name = names.get(face);
      return name === undefined ? face : { ...face, written: name };
    };
    return { file, width, height, faces: faces.map(record) };
  } catch (error) {
    if (error instanceof UaferError && (error.code === 'IMAGE' || error.code === 'DATA')) return { file, error: error.message };
    throw error;
  }
}

/** Whether a photo is looked at turned as its EXIF data say; a landmark file counts the stored rows. */
export function isUpright({ landmarks }: AlignJob): boolean {
  return landmarks === undefined;
}

/** The picture files that a record says were written. */
export function writtenFiles(record: PictureRecord): string[] {
  if ('error' in record) return [];
  const all = [...record.faces.map(({ written }) => written), record.noFace?.written];
  return all.filter((name) => name !== undefined);
}

/** Whether a record's pictures have the names that they would get now: other photos have come or gone since it was made. */
export function hasNames(record: PictureRecord, names: OutputNames): boolean {
  const written = writtenFiles(record);
  const isCopy = !('error' in record) && record.noFace?.done === 'copy';
  const wanted = new Set(isCopy ? [names.copy] : faceNames(names, written.length));
  return written.every((name) => wanted.has(name));
}

function alignedBy(face: Face, photo: Picture, settings: AlignSettings): { faces: Face[]; aligned: AlignedFace[] } {
  const picture = alignFace(photo, face, settings);
  return { faces: [face], aligned: picture ? [{ face, picture }] : [] };
}

async function withoutFace(
  { path, names }: NamedJob,
  photo: Picture,
  out: string,
  { noFace, size }: AlignSettings,
): Promise<{ done: NoFace; written?: string }> {
  if (noFace === 'skip') return { done: noFace };
  const written = noFace === 'copy' ? names.copy : names.single;
  if (noFace === 'copy') replaceFile(join(out, written), (partial) => copyFileSync(path, partial));
  else await write(centreCrop(photo, size), out, written);
  return { done: noFace, written };
}

async function write(picture: Picture, out: string, name: string): Promise<void> {
  writeFileAtomically(join(out, name), await encodePicture(picture, name));
}
