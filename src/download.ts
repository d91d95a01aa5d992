/** Fetching large files: resumed, checked, and in place only when whole. */
import { createHash } from 'node:crypto';
import { createReadStream, existsSync, mkdirSync, renameSync, rmSync, statSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { basename, dirname } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { UaferError } from './errors.js';

/** A file on the web, known by its checksum. */
export interface RemoteFile {
  url: string;
  /** SHA-256, hexadecimal. */
  sha256: string;
  /** Where it belongs on this machine. */
  path: string;
  /** About how many bytes it has; a server that sends a tenth more sends another file, and is not followed to its end. */
  aboutBytes?: number;
}

export interface DownloadProgress {
  /** Bytes here so far, those of former attempts included. */
  received: number;
  /** Bytes in all; undefined when the server doesn't say. */
  total: number | undefined;
}

export interface DownloadOptions {
  onProgress?: (progress: DownloadProgress) => void;
  signal?: AbortSignal;
  /** A connection that brings nothing for so long counts as broken; 60 s when left out. */
  stallSeconds?: number;
}

/**
 * Fetches `file` unless it is there already. What has arrived stays in `<path>.partial`, and the next attempt asks only for the
 * rest; a connection that breaks or stalls is taken up again for as long as each attempt brings something. Throws `DOWNLOAD` with what to do
 * by hand when the file cannot be had or isn't the right one.
 */
export async function download(file: RemoteFile, options: DownloadOptions = {}): Promise<void> {
  if (existsSync(file.path)) return;
  const partial = `${file.path}.partial`;
  mkdirSync(dirname(file.path), { recursive: true });
  for (;;) {
    const before = sizeOf(partial);
    try {
      await fetchRest(file, partial, options);
      break;
    } catch (error) {
      if (options.signal?.aborted) throw new UaferError('INTERRUPTED', `Stopped. ${goOn}`);
      if (error instanceof UaferError) throw error;
      if (sizeOf(partial) <= before) throw failure(file, reason(error), error);
    }
  }
  await check(file, partial);
  renameSync(partial, file.path);
}

const goOn = 'What has arrived is kept: the same command goes on from there.';

async function fetchRest(file: RemoteFile, partial: string, options: DownloadOptions): Promise<void> {
  const { onProgress, signal, stallSeconds = 60 } = options;
  const stalled = new AbortController();
  const timer = setTimeout(() => stalled.abort(new Error(`nothing came for ${stallSeconds} s`)), stallSeconds * 1000);
  const have = sizeOf(partial);
  const headers: Record<string, string> = have > 0 ? { range: `bytes=${have}-` } : {};
  const signals = signal ? [signal, stalled.signal] : [stalled.signal];
  try {
    const response = await fetch(file.url, { headers, signal: AbortSignal.any(signals) });
    // Nothing is left to ask for: the former attempt had received everything, and only the check was missing.
    if (response.status === 416) return;
    if (!response.ok || !response.body) throw failure(file, `the server answered ${response.status} ${response.statusText}`);
    const resumed = response.status === 206;
    const length = Number(response.headers.get('content-length')) || undefined;
    let received = resumed ? have : 0;
    const total = length && received + length;
    refuseTooLarge(file, total);
    const counted = async function* (chunks: AsyncIterable<Uint8Array>) {
      for await (const chunk of chunks) {
        timer.refresh();
        received += chunk.length;
        refuseTooLarge(file, received);
        onProgress?.({ received, total });
        yield chunk;
      }
    };
    await write(partial, resumed ? 'a' : 'w', counted(response.body));
  } catch (error) {
    throw stalled.signal.aborted && !signal?.aborted ? stalled.signal.reason : error;
  } finally {
    clearTimeout(timer);
  }
}

/**
 * What has been written when this ends is what the file holds: a stream that is destroyed may still have a piece on its way to the disk, which
 * would arrive behind what the next attempt appends.
 */
async function write(path: string, flags: 'a' | 'w', pieces: AsyncIterable<Uint8Array>): Promise<void> {
  const file = await open(path, flags);
  try {
    for await (const piece of pieces) await file.writeFile(piece);
  } finally {
    await file.close();
  }
}

function refuseTooLarge(file: RemoteFile, bytes: number | undefined): void {
  const { aboutBytes = Number.POSITIVE_INFINITY } = file;
  if (bytes === undefined || bytes <= 1.1 * aboutBytes) return;
  throw failure(file, `the server sends ${megabytes(bytes)} MB or more, where ${megabytes(aboutBytes)} are expected`);
}

const megabytes = (bytes: number) => Math.round(bytes / 1e6);

async function check(file: RemoteFile, partial: string): Promise<void> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(partial), hash);
  const found = hash.digest('hex');
  if (found === file.sha256) return;
  rmSync(partial);
  throw failure(file, `what arrived is another file: its SHA-256 is ${found} (it was thrown away)`);
}

function sizeOf(path: string): number {
  return existsSync(path) ? statSync(path).size : 0;
}

function failure({ url, sha256, path }: RemoteFile, why: string, cause?: unknown): UaferError {
  return new UaferError(
    'DOWNLOAD',
    `${basename(path)} could not be downloaded from ${url}: ${why}.\nTry the same command again later (it goes on from what has arrived), ` +
      `or do it by hand: fetch that address,\ncheck that the SHA-256 is ${sha256},\nand put the file at ${path}`,
    { cause },
  );
}

function reason(error: unknown): string {
  const { message, cause } = error as Error;
  return cause instanceof Error ? `${message} (${cause.message})` : message;
}
