/** From what a person names (files, folders, patterns, lists, a stream) to pictures and videos, one after the other. */
import { createReadStream, existsSync } from 'node:fs';
import { basename, dirname, extname, join, relative, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { Readable } from 'node:stream';
import { globSync, isDynamicPattern } from 'tinyglobby';
import { PICTURE_ENDINGS } from '../codec/endings.js';
import { UaferError } from '../errors.js';
import { filesBelow, isFolder, readLines } from '../files.js';
import { isCertainVideoName, isVideoName } from '../video/endings.js';

/** A picture or video and what results call it. */
export interface NamedPicture {
  file: string;
  /** Its path, or a picture's bytes when it came through a stream. */
  input: string | Uint8Array;
}

/** Files that are lists of pictures, a path a line, relative to the list. */
const LISTS = new Set(['.txt', '.lst', '.list']);
/** Standard input. */
const STREAM = '-';

/** Checks what can be checked before anything is loaded. Throws `USAGE` for an input that is not there. */
export function checkInputs(inputs: readonly string[]): void {
  for (const input of inputs) {
    if (input === STREAM || existsSync(input)) continue;
    if (isDynamicPattern(input) && matches(input).length > 0) continue;
    throw new UaferError(
      'USAGE',
      `${input} does not exist: expected a picture, a folder, a pattern, a video, a list of pictures (.txt), or - for standard input.`,
    );
  }
}

/** The videos among the inputs, by name; those that standard input names are not known yet. */
export function namedVideos(inputs: readonly string[]): string[] {
  return inputs.flatMap((input) => {
    if (input === STREAM) return [];
    if (!isFile(input)) return named(input).flatMap(({ file }) => (isVideoName(file) ? [file] : []));
    return (isList(input) ? readLines(input).map((line) => line.trim()) : [input]).filter(isVideoName);
  });
}

/** How many pictures and videos there are, for progress; undefined where a list or stream tells only at its end. */
export function countPictures(inputs: readonly string[]): number | undefined {
  let count = 0;
  for (const input of inputs) {
    if (input === STREAM || (isFile(input) && isList(input))) return undefined;
    count += isFile(input) ? 1 : named(input).length;
  }
  return count;
}

/** The pictures and videos of all inputs in their order, a folder's sorted by name. Lists and streams are read as they come. */
export async function* namedPictures(inputs: readonly string[], stdin: NodeJS.ReadableStream): AsyncGenerator<NamedPicture> {
  for (const input of inputs) {
    if (input === STREAM) yield* fromStream(stdin);
    else if (isFile(input)) {
      if (isList(input)) yield* fromLines(createReadStream(input), dirname(input));
      else yield { file: input, input };
    } else yield* named(input);
  }
}

const isFile = (input: string) => existsSync(input) && !isFolder(input);
const isList = (input: string) => LISTS.has(extname(input).toLowerCase());
const isTaken = (name: string) => PICTURE_ENDINGS.has(extname(name).toLowerCase()) || isCertainVideoName(name);

/** Of a folder or a pattern. */
function named(input: string): NamedPicture[] {
  const paths = existsSync(input)
    ? filesBelow(input)
        .filter(isTaken)
        .sort()
        .map((file) => join(input, file))
    : matches(input);
  return paths.map((path) => ({ file: path, input: path }));
}

function matches(pattern: string): string[] {
  return globSync(pattern.replaceAll('\\', '/'), { absolute: true, dot: false })
    .filter(isTaken)
    .sort()
    .map((path) => relative('.', path));
}

async function* fromLines(stream: NodeJS.ReadableStream, folder: string): AsyncGenerator<NamedPicture> {
  for await (const line of createInterface({ input: stream, crlfDelay: Number.POSITIVE_INFINITY })) {
    const name = line.replace(/^\uFEFF/, '').trim();
    if (name !== '') yield { file: name, input: resolve(folder, name) };
  }
}

/** Beginnings of picture files: JPEG, PNG, GIF, RIFF (WebP), TIFF, BMP, and what `ftyp` names (AVIF, HEIF). */
const BEGINNINGS = [/^\xff\xd8/, /^\x89PNG/, /^GIF8/, /^RIFF/, /^II\*\0/, /^MM\0\*/, /^BM/, /^.{4}ftyp/s];

/** One picture's bytes, or names of pictures, a line each: told apart by the first bytes. */
async function* fromStream(stream: NodeJS.ReadableStream): AsyncGenerator<NamedPicture> {
  const chunks = stream[Symbol.asyncIterator]() as AsyncIterator<Buffer>;
  const first = await chunks.next();
  if (first.done) return;
  const start = Buffer.from(first.value);
  const rest = { [Symbol.asyncIterator]: () => chunks };
  if (BEGINNINGS.some((pattern) => pattern.test(start.toString('latin1', 0, 16)))) {
    const parts = [start];
    for await (const chunk of rest) parts.push(Buffer.from(chunk));
    yield { file: STREAM, input: Buffer.concat(parts) };
    return;
  }
  const all = async function* () {
    yield start;
    yield* rest;
  };
  yield* fromLines(Readable.from(all()), '.');
}

/** The name of a result that stands for a picture, without its folders. */
const shortName = (file: string): string => (file === STREAM ? 'stdin' : basename(file));

/** Names under which results of several pictures stand in one folder: of the same name the second gets `_2`. */
export function createNames(): (file: string) => string {
  const names = new Map<string, number>();
  return (file) => {
    const name = shortName(file);
    const again = (names.get(name) ?? 0) + 1;
    names.set(name, again);
    return again === 1 ? name : `${name}_${again}`;
  };
}
