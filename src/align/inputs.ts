/** From what a person names (files, folders, lists) to the pictures to align. */
import { existsSync, realpathSync } from 'node:fs';
import { basename, dirname, extname, isAbsolute, join, resolve } from 'node:path';
import { PICTURE_ENDINGS } from '../codec/endings.js';
import { UaferError } from '../errors.js';
import { filesBelow, isFolder, liesIn, readLines, realPath, whyAbsent } from '../files.js';
import { collectProblems, type Problems } from '../problems.js';
import { shown } from '../shown.js';
import type { AlignJob } from './job.js';

/** Files that are lists of pictures, a path a line, relative to the list. */
const LISTS = new Set(['.txt', '.lst', '.list']);

/**
 * The pictures of `inputs`, sorted by name: a folder's keep their places below it, a list's their paths, and a file its name. What else
 * lies in a folder is left alone.
 *
 * @throws UaferError `USAGE` for an input that is not there, an output inside of an input, and names that stand twice; `DATA` with the
 *   lines of a list whose pictures are not there.
 */
export function findPictures(inputs: readonly string[], out: string): AlignJob[] {
  const problems = collectProblems();
  const jobs = inputs.flatMap((input) => picturesOf(input, out, problems));
  problems.check('The pictures cannot be aligned');
  const seen = new Map<string, string>();
  for (const { file, path } of jobs) {
    const earlier = seen.get(file);
    if (earlier !== undefined) {
      throw new UaferError(
        'USAGE',
        `${shown(earlier)} and ${shown(path)} would both become ${shown(file)}: align them into folders of their own.`,
      );
    }
    seen.set(file, path);
  }
  if (jobs.length === 0) throw new UaferError('USAGE', `There is no picture in ${inputs.join(', ')}.`);
  return jobs.sort((a, b) => (a.file < b.file ? -1 : 1));
}

function picturesOf(input: string, out: string, problems: Problems): AlignJob[] {
  const why = whyAbsent(input);
  if (why) throw new UaferError('USAGE', `${shown(input)} ${why}: expected a picture, a folder or a list of pictures.`);
  if (isFolder(input)) {
    refuseInside(input, out);
    return filesBelow(input)
      .filter(isPicture)
      .map((file) => ({ path: join(input, file), file }));
  }
  if (LISTS.has(extname(input).toLowerCase())) return listedPictures(input, out, problems);
  refuseOverwriting(input, out);
  return [{ path: input, file: basename(input) }];
}

function isPicture(name: string): boolean {
  return PICTURE_ENDINGS.has(extname(name).toLowerCase());
}

function listedPictures(list: string, out: string, problems: Problems): AlignJob[] {
  return readLines(list).flatMap((text, i) => {
    const name = text.trim();
    if (name === '') return [];
    const path = resolve(dirname(list), name);
    if (!existsSync(path)) {
      problems.add(`${list}:${i + 1}: there is no picture ${path}`);
      return [];
    }
    refuseOverwriting(path, out);
    const outside = isAbsolute(name) || name.split(/[\\/]/).includes('..');
    return [{ path, file: outside ? basename(path) : name.replaceAll('\\', '/').replace(/^\.\//, '') }];
  });
}

/** Nothing is ever written into an input; and the aligned pictures would be taken for photos the next time. */
function refuseInside(folder: string, out: string): void {
  if (liesIn(out, folder)) {
    throw new UaferError(
      'USAGE',
      `${out} lies in ${folder}, which stays as it is: choose another folder for the aligned pictures.`,
    );
  }
}

function refuseOverwriting(picture: string, out: string): void {
  if (dirname(realpathSync(picture)) !== realPath(out)) return;
  throw new UaferError(
    'USAGE',
    `${out} holds the photo ${shown(basename(picture))}: choose another folder for the aligned pictures.`,
  );
}

/**
 * Gives each picture the landmark file of its name in `folder`: `<name>.txt`, or with RAF-DB's endings `_manu_attri.txt` and
 * `_auto_attri.txt`.
 *
 * @throws UaferError `DATA` with the pictures that have none.
 */
export function withLandmarks(jobs: readonly AlignJob[], folder: string): AlignJob[] {
  const why = whyAbsent(folder);
  if (why) throw new UaferError('USAGE', `--landmarks: ${folder} ${why}.`);
  const problems = collectProblems();
  const found = jobs.map((job) => {
    const stem = job.file.slice(0, job.file.length - extname(job.file).length);
    const candidates = ['_manu_attri.txt', '_auto_attri.txt', '.txt'].flatMap((ending) => [
      join(folder, `${stem}${ending}`),
      join(folder, `${basename(stem)}${ending}`),
    ]);
    const landmarks = candidates.find((path) => existsSync(path));
    if (landmarks === undefined)
      problems.add(`${job.path}: there is no ${candidates[0]}, ${basename(stem)}_auto_attri.txt or ${basename(stem)}.txt`);
    return landmarks === undefined ? job : { ...job, landmarks };
  });
  problems.check(`--landmarks ${folder}`);
  return found;
}
