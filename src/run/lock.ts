/** One process a run: a file in its folder says which. */
import { execFileSync } from 'node:child_process';
import { linkSync, readFileSync, renameSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { threadId } from 'node:worker_threads';
import { z } from 'zod';
import { UaferError } from '../errors.js';

/** Who holds a run. */
const ownerSchema = z.object({
  host: z.string(),
  pid: z.int().positive(),
  /** Of the process, as the system tells it: a number may have gone to another process since. Null where the system doesn't say. */
  started: z.string().nullable(),
  /** Thread of the process, as Node counts. */
  thread: z.int().nonnegative(),
  /** When the run was taken, for people. */
  since: z.string(),
});

type Owner = z.infer<typeof ownerSchema>;

/** A run that this process alone may write to. */
export interface RunLock {
  /** Gives the run free. */
  release(): void;
}

/** Processes of another machine cannot be asked: their locks count while they are renewed. */
const RENEW_SECONDS = 30;
const FOREIGN_SECONDS = 600;

/**
 * Takes the run in `folder` for this process, in `lock.json`. The lock of a process that is no more is taken over: of this machine one whose
 * number is free or has gone to another process, of another machine one that has not been renewed for 10 minutes. Throws `LOCKED` naming the
 * process that has the run.
 */
export function lockRun(folder: string): RunLock {
  const path = lockPath(folder);
  const mine = `${JSON.stringify(thisOwner(), null, 1)}\n`;
  while (!created(path, mine)) removeStale(path, folder);
  const renewal = setInterval(() => renew(path, mine), RENEW_SECONDS * 1000);
  renewal.unref();
  return {
    release: () => {
      clearInterval(renewal);
      if (textOf(path) === mine) rmSync(path, { force: true });
    },
  };
}

/** Throws `LOCKED` naming the process that has the run in `folder`, if one has. */
export function refuseLocked(folder: string): void {
  const text = textOf(lockPath(folder));
  if (text !== null) refuseHeld(text, folder);
}

/** Removes the lock of a thread of this process that ended without doing it. */
export function dropThreadLock(folder: string, thread: number): void {
  const path = lockPath(folder);
  const owner = parsed(textOf(path) ?? '');
  const here = thisOwner();
  if (owner && owner.thread === thread && owner.pid === here.pid && owner.host === here.host && owner.started === here.started)
    rmSync(path, { force: true });
}

const lockPath = (folder: string) => join(folder, 'lock.json');

function thisOwner(): Owner {
  return {
    host: hostname(),
    pid: process.pid,
    started: startOf(process.pid),
    thread: threadId,
    since: new Date().toISOString(),
  };
}

/** Makes the file with all of its text at once, so that nobody sees half of it; false when there is one. */
function created(path: string, text: string): boolean {
  const own = `${path}.${process.pid}.${threadId}`;
  writeFileSync(own, text);
  try {
    linkSync(own, path);
    return true;
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'EEXIST') return false;
    return createdWithoutLinks(path, text);
  } finally {
    rmSync(own, { force: true });
  }
}

/** For file systems that have no hard links. */
function createdWithoutLinks(path: string, text: string): boolean {
  try {
    writeFileSync(path, text, { flag: 'wx' });
    return true;
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw cause;
  }
}

function removeStale(path: string, folder: string): void {
  const text = textOf(path);
  if (text === null) return;
  refuseHeld(text, folder);
  const aside = `${path}.${process.pid}.${threadId}.stale`;
  try {
    renameSync(path, aside);
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return;
    throw cause;
  }
  // Another process may have taken the stale lock's place between the two: it keeps the run.
  const moved = textOf(aside);
  if (moved !== null && moved !== text) renameSync(aside, path);
  else rmSync(aside, { force: true });
}

function refuseHeld(text: string, folder: string): void {
  const path = lockPath(folder);
  const owner = parsed(text);
  // What cannot be read is what a file system without hard links left of a killed process, or was written by hand.
  if (!owner || !isHeld(owner, path)) return;
  const here = owner.host === hostname();
  const who = `process ${owner.pid} on ${owner.host}${here ? ' (this machine)' : ''}, since ${owner.since}`;
  const remedy = here
    ? `Wait for its end, or end it with: kill ${owner.pid}`
    : `Wait for its end. If it is no more, delete ${path}, or try again in ${FOREIGN_SECONDS / 60} minutes.`;
  throw new UaferError('LOCKED', `${folder} is being trained by ${who}. ${remedy}`);
}

function isHeld({ host, pid, started }: Owner, path: string): boolean {
  if (host !== hostname()) return secondsSince(path) < FOREIGN_SECONDS;
  if (!isAlive(pid)) return false;
  const now = startOf(pid);
  return now === null || started === null || now === started;
}

function secondsSince(path: string): number {
  const { mtimeMs } = statSync(path, { throwIfNoEntry: false }) ?? { mtimeMs: 0 };
  return (Date.now() - mtimeMs) / 1000;
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (cause) {
    // A process of another user may be asked nothing, but is there.
    return (cause as NodeJS.ErrnoException).code === 'EPERM';
  }
}

/** When a process began, in the system's own words; null where it is no more, or the system doesn't say. */
function startOf(pid: number): string | null {
  if (process.platform === 'linux') return linuxStart(pid);
  if (process.platform === 'win32') return null;
  try {
    return execFileSync('ps', ['-o', 'lstart=', '-p', String(pid)], { encoding: 'utf8' }).trim() || null;
  } catch {
    return null;
  }
}

/** Clock ticks since the machine's start (proc(5), field 22 of `stat`), with the identity of that start. */
function linuxStart(pid: number): string | null {
  const stat = textOf(`/proc/${pid}/stat`);
  const boot = textOf('/proc/sys/kernel/random/boot_id');
  if (stat === null || boot === null) return null;
  // The name in field 2 stands in parentheses and may hold spaces.
  const [state, ...rest] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  // A killed process whose parent has not asked for its end keeps its number.
  return state === 'Z' ? `ended ${boot.trim()}` : `${rest[18]} ${boot.trim()}`;
}

function renew(path: string, mine: string): void {
  if (textOf(path) !== mine) return;
  const now = new Date();
  try {
    utimesSync(path, now, now);
  } catch {
    // A lock that cannot be renewed is no reason to end a training: at worst another machine takes it for stale.
  }
}

function textOf(path: string): string | null {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return null;
  }
}

function parsed(text: string): Owner | null {
  try {
    return ownerSchema.parse(JSON.parse(text));
  } catch {
    return null;
  }
}
