/** Aligning many pictures: in threads, with a record of what was done that a later run goes on from. */
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { forEachConcurrently } from '../concurrent.js';
import { makeFolder, sizeAndTime, writeFileAtomically } from '../files.js';
import { type Journal, openJournal } from '../journal.js';
import { shown } from '../shown.js';
import { createThreads } from '../threads.js';
import type { ThreadData } from './alignThread.js';
import { type AlignJob, type AlignSettings, hasNames, type NamedJob, type PictureRecord, writtenFiles } from './job.js';
import { type OutputNames, planNames } from './outputNames.js';

/** A line of `faces.jsonl`: the record, and a hash of the photo's size and time and of all settings. */
type LoggedRecord = PictureRecord & { made: string };

export interface AlignRun {
  out: string;
  settings: AlignSettings;
  /** Threads; each works on one picture at a time. */
  workers: number;
  signal?: AbortSignal;
  onProgress?(done: number, total: number): void;
}

export interface AlignResult {
  /** One a picture, in the order of the jobs; fewer when the run was stopped. Each is made anew whenever they are gone through. */
  records: Iterable<LoggedRecord>;
  /** Pictures that were there from an earlier run. */
  kept: number;
  /** The name in the output that a sheet of photos and results may have. */
  preview: string;
  stopped: boolean;
}

const LOG = 'faces.jsonl';
const LEFT_OUT = 'left-out.txt';

/**
 * Aligns pictures into `out`, whatever number of threads to the same bytes, and writes `faces.jsonl` (a `LoggedRecord` a picture) and
 * `left-out.txt` (pictures without a face, and those that cannot be read, with the reason). What an earlier run made with the same
 * settings of the same photos stays. No picture takes the place of another photo's, of an earlier run either. A run that was stopped or
 * killed is gone on with by the same call.
 *
 * @throws UaferError `IO` when a file cannot be written: what was done by then stays.
 */
export async function alignPictures(jobs: readonly AlignJob[], run: AlignRun): Promise<AlignResult> {
  const { out, settings, signal, onProgress = () => {} } = run;
  makeFolder(out);
  const log = openJournal(join(out, LOG), keyOf);
  const hashes = new Map(jobs.map((job) => [job.file, hashOf(job, settings)]));
  const { names, preview, disputed } = planFor(jobs, log);
  const todo = jobs.flatMap((job): NamedJob[] => {
    const own = names.get(job.file) as OutputNames;
    const record = log.get(job.file);
    const isKept =
      isMade(record, hashes.get(job.file) as string, out) && hasNames(record, own) && !isDisputed(record, disputed);
    return isKept ? [] : [{ ...job, names: own }];
  });
  const kept = jobs.length - todo.length;
  let done = kept;
  const receive = (record: PictureRecord) => {
    const logged = { ...record, made: hashes.get(record.file) as string };
    log.add(logged);
    onProgress(++done, jobs.length);
  };
  onProgress(done, jobs.length);
  try {
    if (todo.length > 0) await inThreads(todo, run, receive);
  } finally {
    writeResults(out, log);
  }
  const records = {
    *[Symbol.iterator]() {
      for (const { file } of jobs) {
        const record = log.get(file);
        if (record?.made === hashes.get(file)) yield record as LoggedRecord;
      }
    },
  };
  return { records, kept, preview, stopped: signal?.aborted ?? false };
}

/** Why a picture was not aligned; null when it was. */
export function reasonLeftOut(record: PictureRecord): string | null {
  if ('error' in record) return record.error;
  if (!record.noFace) return null;
  const found = record.faces.length === 0 ? 'no face was found' : 'the face cannot be aligned';
  const done = { skip: '', centre: ', its middle was taken', copy: ', it was copied' }[record.noFace.done];
  return `${found}${done}`;
}

/**
 * Names for the pictures of the jobs beside what other photos' records say was written; and the names that several records claim, of which
 * nobody knows whose picture it is (uafer 0.1.0 let one photo's overwrite another's).
 */
function planFor(jobs: readonly AlignJob[], log: Journal<LoggedRecord>) {
  const files = jobs.map(({ file }) => file);
  const here = new Set(files);
  const others: string[] = [];
  const seen = new Set<string>();
  const disputed = new Set<string>();
  for (const file of log.keys()) {
    for (const name of writtenFiles(log.get(file) as LoggedRecord)) {
      if (!here.has(file)) others.push(name);
      if (seen.has(name)) disputed.add(name);
      seen.add(name);
    }
  }
  const { of: names, preview } = planNames(files, others);
  return { names, preview, disputed };
}

function isDisputed(record: LoggedRecord, disputed: ReadonlySet<string>): boolean {
  return writtenFiles(record).some((name) => disputed.has(name));
}

async function inThreads(jobs: readonly NamedJob[], run: AlignRun, receive: (record: PictureRecord) => void): Promise<void> {
  const { out, settings, signal } = run;
  const threads = Math.max(1, Math.min(run.workers, jobs.length));
  const data: ThreadData = { out, settings };
  const module = new URL('./alignThread.js', import.meta.url);
  const pool = createThreads<NamedJob, PictureRecord>({ module, count: threads, data });
  try {
    await forEachConcurrently(jobs, threads, async (job) => receive(await pool.run(job)), signal);
  } finally {
    await pool.close();
  }
}

function hashOf({ path, landmarks }: AlignJob, settings: AlignSettings): string {
  const of = { settings, photo: sizeAndTime(path), landmarks: landmarks === undefined ? null : sizeAndTime(landmarks) };
  return createHash('sha256').update(JSON.stringify(of)).digest('hex').slice(0, 16);
}

/** Unreadable pictures are tried again: the disk may have been the reason. */
function isMade(record: LoggedRecord | undefined, made: string, out: string): record is LoggedRecord {
  return record?.made === made && !('error' in record) && writtenFiles(record).every((name) => existsSync(join(out, name)));
}

/** The picture's name; none for what is no record. */
function keyOf(record: LoggedRecord): string | undefined {
  const { file, made } = record;
  const isRecord = 'error' in record ? typeof record.error === 'string' : Array.isArray(record.faces);
  return typeof file === 'string' && typeof made === 'string' && isRecord ? file : undefined;
}

/** In an order that does not depend on the threads. */
function writeResults(out: string, log: Journal<LoggedRecord>): void {
  const files = [...log.keys()].sort();
  log.rewrite(files);
  const lines = files.flatMap((file) => {
    const why = reasonLeftOut(log.get(file) as LoggedRecord);
    return why === null ? [] : [`${shown(file)}\t${shown(why)}\n`];
  });
  writeFileAtomically(join(out, LEFT_OUT), lines.join(''));
}
