/** From a plan to a data set on the disk. */
import { existsSync, readdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { forEachConcurrently } from '../concurrent.js';
import { createDirectoryIndex } from '../directories.js';
import { UaferError } from '../errors.js';
import { liesIn, makeFolder, writeFileAtomically } from '../files.js';
import { shown } from '../shown.js';
import { type Made, NO_FACE } from './make.js';
import type { PictureMaker } from './maker.js';
import { type Journal, type JournalEntry, openJournal } from './pictureJournal.js';
import type { LeftOut, PartCounts, Plan, PlannedPicture } from './plan.js';

export interface WriteOptions {
  raw: string;
  out: string;
  maker: PictureMaker;
  /** Further options that decide what the data set is. */
  settings: Readonly<Record<string, unknown>>;
  /** Pictures under way at once. */
  workers: number;
  /** Whether more than 1% of pictures that cannot be read are left out, instead of stopping. */
  allowUnreadable: boolean;
  signal: AbortSignal;
  onProgress(done: number, total: number): void;
}

export interface Written {
  counts: PartCounts;
  /** What the plan left out, and then the pictures that were. */
  leftOut: readonly LeftOut[];
  /** Pictures that this run made; the others were there. */
  made: number;
  /** Pictures that stand as they are, or as their middle, for want of a face. */
  withoutFace: number;
}

const UNREADABLE_SHARE = 0.01;
const UNFINISHED = 'unfinished';

interface Manifest {
  set: string;
  settings: Record<string, unknown>;
  finished: boolean;
}

/**
 * Makes the pictures and lists of a plan in `out`. While it is under way everything lies in `out/unfinished`, so that nothing takes a
 * part for the whole; `pictures.jsonl` says what has been done, so that the same call goes on after an interruption, and makes anew
 * only what has changed in the raw files. `left-out.txt` says what isn't there, and why.
 *
 * @throws UaferError `USAGE` when `out` lies in `raw` or holds something else, `DATA` when more than 1% of the pictures cannot be
 *   read, or the loader refuses the result, `INTERRUPTED` after the signal
 */
export async function writePlan(plan: Plan, options: WriteOptions): Promise<Written> {
  const { out, signal } = options;
  refuseInside(options.raw, out);
  refuseSharedPaths(plan.pictures);
  const manifest = openManifest(plan, options);
  const journal = openJournal(out);
  const fingerprints = new Map(plan.pictures.map((picture) => [picture.path, fingerprintOf(picture)]));
  const todo = unmade(plan, journal, fingerprints, out);
  const changed = todo.length > 0 || journal.size !== plan.pictures.length;
  if (changed || !manifest.finished) {
    reopen(plan, out, manifest);
    await makeAll(plan, todo, fingerprints, journal, options);
    if (signal.aborted) {
      const done = plan.pictures.length - unmade(plan, journal, fingerprints, out).length;
      throw new UaferError(
        'INTERRUPTED',
        `Stopped after ${done} of ${plan.pictures.length} pictures; the same command goes on from there.`,
      );
    }
  }
  const dropped = droppedPictures(plan, journal);
  refuseTooMany(dropped, plan, options);
  const leftOut = [...plan.leftOut, ...dropped];
  if (changed || !manifest.finished) finish(plan, journal, leftOut, out, manifest);
  return {
    counts: plan.layout.count(out),
    leftOut,
    made: todo.length,
    withoutFace: plan.pictures.filter(({ path }) => isFaceless(journal.get(path) as JournalEntry)).length,
  };
}

/** Nothing is ever written into the raw download. */
function refuseInside(raw: string, out: string): void {
  if (!liesIn(out, raw)) return;
  throw new UaferError('USAGE', `${out} lies in ${raw}, which stays as it is: choose another folder for the data set`);
}

function refuseSharedPaths(pictures: readonly PlannedPicture[]): void {
  const seen = new Map<string, string>();
  for (const { path, source } of pictures) {
    const earlier = seen.get(path);
    if (earlier !== undefined)
      throw new UaferError('DATA', `${shown(earlier)} and ${shown(source.where)} would both become ${shown(path)}: rename one`);
    seen.set(path, source.where);
  }
}

function openManifest(plan: Plan, { out, maker, settings }: WriteOptions): Manifest {
  const file = join(out, 'prepare.json');
  const wanted: Manifest = { set: plan.set, settings: { ...settings, align: maker.settings ?? 'none' }, finished: false };
  if (existsSync(file)) {
    const { finished, ...there } = JSON.parse(readFileSync(file, 'utf8')) as Manifest;
    const { finished: _, ...asked } = wanted;
    if (isDeepStrictEqual(there, JSON.parse(JSON.stringify(asked)))) return { ...wanted, finished };
    throw new UaferError(
      'USAGE',
      `${out} holds a data set that was prepared otherwise: ${JSON.stringify(there)}, not ${JSON.stringify(asked)}. ` +
        'Choose another folder, or delete it',
    );
  }
  if (existsSync(out) && readdirSync(out).length > 0)
    throw new UaferError('USAGE', `${out} holds files that are not from \`uafer prepare\`: choose a new or an empty folder`);
  writeFileAtomically(file, `${JSON.stringify(wanted, null, 2)}\n`);
  return wanted;
}

function fingerprintOf({ source, face }: PlannedPicture): string {
  return face === undefined ? source.fingerprint() : `${source.fingerprint()} ${JSON.stringify(face)}`;
}

/** The pictures that no earlier run has made, or that have changed since. */
function unmade(plan: Plan, journal: Journal, fingerprints: ReadonlyMap<string, string>, out: string): PlannedPicture[] {
  const directories = createDirectoryIndex();
  return plan.pictures.filter(({ path }) => {
    const entry = journal.get(path);
    if (entry === undefined || entry.outcome === 'unreadable' || entry.from !== fingerprints.get(path)) return true;
    const isThere = directories.has(join(out, UNFINISHED, path)) || directories.has(join(out, path));
    return entry.outcome !== 'skipped' && !isThere;
  });
}

/** Takes a finished data set back to where it is worked on. */
function reopen({ layout }: Plan, out: string, manifest: Manifest): void {
  writeManifest(out, { ...manifest, finished: false });
  makeFolder(join(out, UNFINISHED));
  for (const top of layout.tops) {
    if (existsSync(join(out, top))) renameSync(join(out, top), join(out, UNFINISHED, top));
  }
}

function writeManifest(out: string, manifest: Manifest): void {
  writeFileAtomically(join(out, 'prepare.json'), `${JSON.stringify(manifest, null, 2)}\n`);
}

async function makeAll(
  plan: Plan,
  todo: readonly PlannedPicture[],
  fingerprints: ReadonlyMap<string, string>,
  journal: Journal,
  options: WriteOptions,
): Promise<void> {
  const { maker, signal, workers, onProgress } = options;
  const total = plan.pictures.length;
  const stage = join(options.out, UNFINISHED);
  let done = total - todo.length;
  const work = async (picture: PlannedPicture) => {
    const { path } = picture;
    const { bytes, ...result } = await makeOne(picture, maker);
    if (bytes) writeFileAtomically(join(stage, path), bytes);
    else rmSync(join(stage, path), { force: true });
    journal.add({ path, ...result, from: fingerprints.get(path) as string });
    onProgress(++done, total);
  };
  await forEachConcurrently(todo, workers, work, signal);
}

async function makeOne({ source, path, face }: PlannedPicture, maker: PictureMaker): Promise<Made> {
  try {
    return await maker.make(await source.read(), { where: source.where, path, ...(face && { face }) });
  } catch (error) {
    if (error instanceof UaferError && error.code === 'IMAGE') return { outcome: 'unreadable', why: error.message };
    throw error;
  }
}

interface Dropped extends LeftOut {
  /** In a sentence, for a picture that cannot be read. */
  unreadable?: string;
}

function droppedPictures(plan: Plan, journal: Journal): Dropped[] {
  return plan.pictures.flatMap(({ path, source }): Dropped[] => {
    const { outcome, why = '' } = journal.get(path) as JournalEntry;
    const { where } = source;
    if (outcome === 'skipped') return [{ where, why }];
    return outcome === 'unreadable'
      ? [{ where, why: 'it cannot be read', detail: withoutName(why, where), unreadable: why }]
      : [];
  });
}

/** `a.jpg cannot be unpacked: ...` -> `it cannot be unpacked: ...`: the name stands in a column of its own. */
function withoutName(sentence: string, where: string): string {
  const name = shown(where);
  return sentence.startsWith(`${name} `) ? `it${sentence.slice(name.length)}` : sentence;
}

function refuseTooMany(dropped: readonly Dropped[], plan: Plan, { allowUnreadable, out }: WriteOptions): void {
  const unreadable = dropped.flatMap((one) => one.unreadable ?? []);
  if (allowUnreadable || unreadable.length <= plan.pictures.length * UNREADABLE_SHARE) return;
  const named = unreadable.slice(0, 8).map((sentence) => `\n  ${shown(sentence)}`);
  throw new UaferError(
    'DATA',
    `${unreadable.length} of ${plan.pictures.length} pictures cannot be read, more than 1%: mend the download and run the same command ` +
      `again, or leave them out with --allow-unreadable. ${out} is kept.${named.join('')}`,
  );
}

function finish(plan: Plan, journal: Journal, leftOut: readonly LeftOut[], out: string, manifest: Manifest): void {
  const stage = join(out, UNFINISHED);
  const planned = new Set(plan.pictures.map(({ path }) => path));
  for (const path of journal.keys()) if (!planned.has(path)) rmSync(join(stage, path), { force: true });
  journal.rewrite([...planned]);
  writeFileAtomically(
    join(out, 'left-out.txt'),
    leftOut.map(({ where, why, detail = why }) => `${shown(where)}\t${shown(detail)}\n`).join(''),
  );
  const kept = plan.pictures.filter(({ path }) => !isDropped(journal.get(path) as JournalEntry));
  for (const [path, text] of Object.entries(plan.layout.lists(kept))) writeFileAtomically(join(stage, path), text);
  for (const top of plan.layout.tops) {
    if (existsSync(join(stage, top))) renameSync(join(stage, top), join(out, top));
  }
  rmSync(stage, { recursive: true });
  writeManifest(out, { ...manifest, finished: true });
}

const isFaceless = ({ outcome, why }: JournalEntry): boolean => outcome !== 'skipped' && why === NO_FACE;

const isDropped = ({ outcome }: JournalEntry): boolean => outcome === 'skipped' || outcome === 'unreadable';
