/** Aligning many pictures: in threads, with a record of what was done that a later run goes on from. */
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { forEachConcurrently } from '../concurrent.js';
import { makeFolder, sizeAndTime, writeFileAtomically } from '../files.js';
import { type Journal, openJournal } from '../journal.js';
import { createThreads } from '../threads.js';
import type { ThreadData } from './alignThread.js';
import { type AlignJob, type AlignSettings, type PictureRecord, writtenFiles } from './job.js';

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
  stopped: boolean;
}

const LOG = 'faces.jsonl';
const LEFT_OUT = 'left-out.txt';

/**
 * Aligns pictures into `out`, whatever number of threads to the same bytes, and writes `faces.jsonl` (a `LoggedRecord` a picture) and
 * `left-out.txt` (pictures without a face, and those that cannot be read, with the reason). What an earlier run made with the same
 * settings of the same photos stays. A run that was stopped or killed is gone on with by the same call.
 *
 * @throws UaferError `IO` when a file cannot be written: what was done by then stays.
 */
export async function alignPictures(jobs: readonly AlignJob[], run: AlignRun): Promise<AlignResult> {
  const { out, settings, signal, onProgress = () => {} } = run;
  makeFolder(out);
  const log = openJournal(join(out, LOG), keyOf);
  const hashes = new Map(jobs.map((job) => [job.file, hashOf(job, settings)]));
  const todo = jobs.filter(({ file }) => !isMade(log.get(file), hashes.get(file) as string, out));
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
  return { records, kept, stopped: signal?.aborted ?? false };
}

/** Why a picture was not aligned; null when it was. */
export function reasonLeftOut(record: PictureRecord): string | null {
  if ('error' in record) return record.error;
  if (!record.noFace) return null;
  const found = record.faces.length === 0 ? 'no face was found' : 'the face cannot be aligned';
  const done = { skip: '', centre: ', its middle was taken', copy: ', it was copied' }[record.noFace.done];
  return `${found}${done}`;
}

async function inThreads(jobs: readonly AlignJob[], run: AlignRun, receive: (record: PictureRecord) => void): Promise<void> {
  const { out, settings, signal } = run;
  const threads = Math.max(1, Math.min(run.workers, jobs.length));
  const data: ThreadData = { out, settings };
  const module = new URL('./alignThread.js', import.meta.url);
  const pool = createThreads<AlignJob, PictureRecord>({ module, count: threads, data });
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
function isMade(record: LoggedRecord | undefined, made: string, out: string): boolean {
  return record?.made === made && !('error' in record) && writtenFiles(record).every((name) => existsSync(join(out, name)));
}

/** The picture's name; none for what is no record. */
function keyOf({ file, made }: LoggedRecord): string | undefined {
  return typeof file === 'string' && typeof made === 'string' ? file : undefined;
}

/** In an order that does not depend on the threads. */
function writeResults(out: string, log: Journal<LoggedRecord>): void {
  const files = [...log.keys()].sort();
  log.rewrite(files);
  const lines = files.flatMap((file) => {
    const why = reasonLeftOut(log.get(file) as LoggedRecord);
    return why === null ? [] : [`${file}\t${why}\n`];
  });
  writeFileAtomically(join(out, LEFT_OUT), lines.join(''));
}
