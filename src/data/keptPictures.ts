/**
 * What is kept of pictures on the disk, for all runs, processes and threads: decoded and resized pixels, so that later epochs and later runs only augment,
 * and what a network says of them (`src/uafer/keptFeatures.ts`). Node has no
 * memory mapping, and the packages that add it are built on installation; slots are read at their place in the file instead, so that the system's
 * cache of files is the memory that all share.
 *
 * Nobody waits for anybody. A picture's slot follows from its path; it is written whole, by one call, and believed by its checksum alone. Two
 * who fill the same slot at once write the same bytes, or one of two pictures is made anew once more.
 */
import { createHash } from 'node:crypto';
import {
  closeSync,
  constants,
  fstatSync,
  ftruncateSync,
  openSync,
  readdirSync,
  readSync,
  rmSync,
  statfsSync,
  statSync,
  writeSync,
} from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { decoderVersions } from '../codec/versions.js';
import { makeFolder } from '../files.js';
import { keptPicturesFolder, packageFacts } from '../paths.js';
import { shown } from '../shown.js';
import { reasonOf } from '../systemErrors.js';
import type { TransformOptions } from './augment.js';
import {
  fileBytes,
  firstSlot,
  PAGE,
  type PictureStamp,
  readPage,
  readSlotHeader,
  readSlotPayload,
  SLOT_HEADER,
  SLOTS,
  slotBytes,
  slotName,
  writePage,
  writeSlot,
} from './pictureFile.js';

/** Where pictures are kept and what they are; every thread opens the file for itself. */
export interface KeptPicturesOptions {
  /** In the folder of all of them, its name ending as one of `ENDINGS`. */
  file: string;
  /** Everything that decides a picture's bytes beside the source. */
  key: string;
  /** Bytes of what is kept of one picture. */
  payloadBytes: number;
  /** What all files of kept pictures in the folder may take on the disk together, in bytes. */
  limit: number;
  /** For people: what is kept, and what becomes of what isn't. */
  words: { kept: string; otherwise: string };
}

/** What people are told of kept pictures, a sentence for each kind of trouble. */
export type KeptNotes = Map<'damaged' | 'stopped', string>;

export interface KeptPictures {
  /** What is kept of a picture (of pixels S x S RGB bytes), not to be written to; undefined when it has to be made. */
  find(path: string, stamp: PictureStamp, variant?: string): Uint8Array | undefined;
  /** Whether something is kept of it, which may be found damaged. */
  has(path: string, stamp: PictureStamp, variant?: string): boolean;
  /** Keeps that, unless there is no room. */
  keep(path: string, stamp: PictureStamp, payload: Uint8Array, variant?: string): void;
  /** What has come up so far. */
  readonly notes: KeptNotes;
}

/** Of files of pixels, and of features, which have a limit together. */
const LIMITED = ['.pictures', '.features'];
/** Of all files: of tokens too, which take what there is. */
export const ENDINGS: readonly string[] = [...LIMITED, '.tokens'];
/** Slots that are looked at for a picture: with `SLOTS` half full, far more than it takes. */
const PROBES = 64;
/** What stays free on the disk for checkpoints and whatever else is written: pictures can be made anew, those can't. */
const RESERVE = 2 ** 30;
/** Raised when this project's own code makes other bytes of the same source. */
const PIXELS_VERSION = 1;

/** Bytes of `--cache-pictures`: `8GB`, `500MB`, `1.5TB`, in powers of ten; 0 for `off`. Null for anything else. */
export function parseKeptSize(text: string): number | null {
  if (text === 'off') return 0;
  const [, number, unit] = /^(\d+(?:\.\d+)?) ?([MGT])B$/i.exec(text) ?? [];
  if (number === undefined || unit === undefined) return null;
  return Math.round(Number(number) * { M: 1e6, G: 1e9, T: 1e12 }[unit.toUpperCase() as 'M' | 'G' | 'T']);
}

/** The file for pictures that are made as `transform` says. What it does anew in every epoch doesn't matter. */
export function keptPicturesOptions(
  { imageSize, resize, colour, centerCrop }: TransformOptions,
  limit: number,
): KeptPicturesOptions {
  return keptOptions({
    name: `${imageSize}-${resize}-${colour}`,
    ending: '.pictures',
    facts: { imageSize, resize, colour, centerCrop },
    payloadBytes: 3 * imageSize ** 2,
    limit,
    words: { kept: 'decoded pictures', otherwise: 'decoded in every epoch' },
  });
}

/** Everything that decides what is kept of a picture beside its source: `facts`, and what decodes. */
interface Kind extends Pick<KeptPicturesOptions, 'payloadBytes' | 'limit' | 'words'> {
  name: string;
  ending: string;
  facts: object;
}

/** The file of a kind of things that are kept of pictures. */
export function keptOptions({ name, ending, facts, payloadBytes, limit, words }: Kind): KeptPicturesOptions {
  const made = { version: PIXELS_VERSION, uafer: packageFacts().version, decoders: decoderVersions() };
  const key = JSON.stringify({ ...facts, ...made });
  const hash = createHash('sha256').update(key).digest('hex').slice(0, 12);
  return { file: join(keptPicturesFolder(), `${name}-${hash}${ending}`), key, payloadBytes, limit, words };
}

/** Size and time of a source; null for what cannot be looked at, which whoever decodes it will say. */
export function stampOf(path: string): PictureStamp | null {
  try {
    const { size, mtimeNs } = statSync(path, { bigint: true });
    return { size, time: mtimeNs };
  } catch {
    return null;
  }
}

const opened = new Map<string, KeptPictures>();

/** The kept pictures of a file, opened once in a thread and until it ends. Where they cannot be used, `notes` say why, and none is found. */
export function keptPictures(options: KeptPicturesOptions): KeptPictures {
  const id = JSON.stringify(options);
  const known = opened.get(id);
  if (known) return known;
  const made = openKeptPictures(options);
  opened.set(id, made);
  return made;
}

/** As `keptPictures`, opened anew. `reserve` bytes stay free on the disk. */
export function openKeptPictures(options: KeptPicturesOptions, reserve = RESERVE): KeptPictures {
  const notes: KeptNotes = new Map();
  const { file, payloadBytes, words } = options;
  const stop = (why: string) => {
    if (notes.has('stopped')) return;
    const where = shown(dirname(file));
    notes.set('stopped', `No more ${words.kept} are kept in ${where}: ${why}. Those that aren't there are ${words.otherwise}.`);
  };
  const noteDamage = (what: string) => {
    if (notes.has('damaged')) return;
    notes.set('damaged', `${shown(file)}: ${what}. What was damaged is made anew.`);
  };
  let descriptor: number;
  let others: number;
  try {
    descriptor = openFile(options, noteDamage);
    others = bytesKept(dirname(file), LIMITED, file);
  } catch (error) {
    stop(reasonOf(error));
    return { has: () => false, find: () => undefined, keep: () => {}, notes };
  }
  const stride = slotBytes(payloadBytes);
  const place = (slot: number) => PAGE + slot * stride;

  function* statesFrom(first: number) {
    for (let i = 0; i < PROBES; i++) {
      const slot = (first + i) % SLOTS;
      yield { slot, state: readSlotHeader(readAt(descriptor, place(slot), SLOT_HEADER)) };
    }
  }
  const holds = (path: string, stamp: PictureStamp, variant = '') => {
    const name = slotName(resolve(path) + variant);
    for (const { state } of statesFrom(firstSlot(name))) {
      if (state === 'empty') return false;
      if (state !== 'damaged' && state.name.equals(name)) return state.size === stamp.size && state.time === stamp.time;
    }
    return false;
  };
  /** Where a picture's payload is, or where it may be put; null where all slots are taken. */
  const search = (path: string, stamp: PictureStamp, variant = '') => {
    const name = slotName(resolve(path) + variant);
    for (const { slot, state } of statesFrom(firstSlot(name))) {
      if (state === 'empty') return { name, slot, payload: null, damaged: false, fresh: true };
      if (state === 'damaged') return { name, slot, payload: null, damaged: true, fresh: false };
      if (!state.name.equals(name)) continue;
      if (state.size !== stamp.size || state.time !== stamp.time)
        return { name, slot, payload: null, damaged: false, fresh: false };
      const payload = readSlotPayload(readAt(descriptor, place(slot), SLOT_HEADER + payloadBytes), payloadBytes);
      return { name, slot, payload, damaged: payload === null, fresh: false };
    }
    return null;
  };
  const whyNoRoom = (): string | null => {
    const used = others + 512 * fstatSync(descriptor).blocks;
    if (used + stride > options.limit)
      return `they take ${megabytes(used)} MB, and --cache-pictures allows ${megabytes(options.limit)} MB (more of it, or deleting the folder, helps)`;
    const { bavail, bsize } = statfsSync(dirname(file));
    return bavail * bsize - stride < reserve ? `less than ${megabytes(reserve)} MB are free on this disk` : null;
  };
  const write = (slot: number, bytes: Buffer) => {
    try {
      writeAt(descriptor, place(slot), bytes);
    } catch (error) {
      stop(reasonOf(error));
      forget(descriptor, place(slot));
    }
  };
  return {
    notes,
    has: (path, stamp, variant) => guarded(stop, () => holds(path, stamp, variant)) ?? false,
    find: (path, stamp, variant) => guarded(stop, () => search(path, stamp, variant)?.payload ?? undefined),
    keep: (path, stamp, payload, variant) =>
      guarded(stop, () => {
        if (notes.has('stopped')) return;
        const found = search(path, stamp, variant);
        // Another thread may have been writing it when it was looked for.
        if (found?.payload) return;
        if (found?.damaged) noteDamage(`what was kept of ${shown(path)} is damaged`);
        if (found === null) return stop('the file has no slot left');
        // What is made anew where it was takes nothing more of the disk.
        const why = found.fresh ? whyNoRoom() : null;
        if (why !== null) stop(why);
        else write(found.slot, writeSlot(found.name, stamp, payload));
      }),
  };
}

/** What fails at the file (its disk is gone) must not stop what the pictures are for. */
function guarded<T>(stop: (why: string) => void, use: () => T): T | undefined {
  try {
    return use();
  } catch (error) {
    stop(reasonOf(error));
    return undefined;
  }
}

/**
 * Opens the file, which is made where there is none. Whoever makes it writes the same, so that several may at once: the page first, so that a file
 * that is longer has one.
 */
function openFile({ file, key, payloadBytes }: KeptPicturesOptions, noteDamage: (what: string) => void): number {
  makeFolder(dirname(file));
  const whole = fileBytes(payloadBytes);
  const descriptor = openSync(file, constants.O_RDWR | constants.O_CREAT | (constants.O_NONBLOCK ?? 0), 0o666);
  try {
    const stats = fstatSync(descriptor);
    if (!stats.isFile()) throw new Error(`${shown(file)} is not a file`);
    const page = writePage(key);
    const fresh = stats.size === 0;
    if (!fresh && readPage(readAt(descriptor, 0, PAGE)) !== key)
      return openInItsPlace({ file, descriptor, page, whole }, noteDamage);
    if (fresh) writeAt(descriptor, 0, page);
    else if (stats.size !== whole && stats.size !== PAGE) noteDamage('it was cut off');
    if (stats.size !== whole) ftruncateSync(descriptor, whole);
    return descriptor;
  } catch (error) {
    closeSync(descriptor);
    throw error;
  }
}

interface Wrong {
  file: string;
  descriptor: number;
  page: Buffer;
  whole: number;
}

/** Another file in place of one that isn't what its name says. Who has that one open goes on with it. */
function openInItsPlace({ file, descriptor, page, whole }: Wrong, noteDamage: (what: string) => void): number {
  noteDamage('its first page is damaged');
  closeSync(descriptor);
  rmSync(file);
  const made = openSync(file, constants.O_RDWR | constants.O_CREAT, 0o666);
  writeAt(made, 0, page);
  ftruncateSync(made, whole);
  return made;
}

/** Bytes on the disk of what is kept of pictures, in files of these endings but for the file `except`. */
export function bytesKept(folder: string, endings: readonly string[], except?: string): number {
  const files = readdirSync(folder)
    .map((name) => join(folder, name))
    .filter((path) => endings.some((ending) => path.endsWith(ending)) && path !== except);
  return files.reduce((sum, path) => sum + 512 * (statSync(path, { throwIfNoEntry: false })?.blocks ?? 0), 0);
}

/** The bytes at a place, fewer at the file's end. */
function readAt(descriptor: number, at: number, length: number): Buffer {
  const bytes = Buffer.allocUnsafeSlow(length);
  let done = 0;
  for (let read = -1; done < length && read !== 0; done += read)
    read = readSync(descriptor, bytes, done, length - done, at + done);
  return bytes.subarray(0, done);
}

function writeAt(descriptor: number, at: number, bytes: Buffer): void {
  for (let done = 0; done < bytes.length; ) done += writeSync(descriptor, bytes, done, bytes.length - done, at + done);
}

/** A slot that was half written, on a full disk for example, is none; what cannot be undone is found out by its checksum. */
function forget(descriptor: number, at: number): void {
  try {
    writeAt(descriptor, at, Buffer.alloc(SLOT_HEADER));
  } catch {}
}

function megabytes(bytes: number): string {
  return (bytes / 1e6).toFixed(0);
}
