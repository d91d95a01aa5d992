/** A video that is written frame by frame, encoded by ffmpeg. */
import { once } from 'node:events';
import { renameSync, rmSync } from 'node:fs';
import { dirname, extname } from 'node:path';
import type { Writable } from 'node:stream';
import { UaferError } from '../errors.js';
import { makeFolder } from '../files.js';
import type { Picture } from '../image/picture.js';
import { shown } from '../shown.js';
import { systemFailure } from '../systemErrors.js';
import { complaint, type Ended, ended, run, start } from './ffmpeg.js';

export interface VideoWriter {
  /** Shows a frame from its time on, until the next one. Waits while ffmpeg is behind. All frames have the size of the first. */
  add(picture: Picture, time: number): Promise<void>;
  /** Ends the video, which stands at its place from then on; one without a frame is none. */
  finish(): Promise<void>;
  /** Gives it up, and removes what was written. */
  discard(): Promise<void>;
}

/** By the name's ending. */
const FORMATS: Readonly<Record<string, string>> = { '.mp4': 'mp4', '.m4v': 'mp4', '.mov': 'mov', '.mkv': 'matroska' };

/** Whether a video can be written under this name. */
export const isWrittenVideo = (path: string): boolean => extname(path).toLowerCase() in FORMATS;

/**
 * Writes a video of a constant rate. It is made beside its place, and renamed when it is whole. Sound is none.
 *
 * @param rate frames a second: where there is no new one, the last is shown again
 * @throws UaferError `USAGE` for a name that is of no known kind of video
 */
export function createVideoWriter(path: string, rate: number): VideoWriter {
  const format = FORMATS[extname(path).toLowerCase()];
  if (!format) throw new UaferError('USAGE', `${path}: expected a name that ends in ${Object.keys(FORMATS).join(', ')}.`);
  const partial = `${path}.partial`;
  let encoder: Encoder | null = null;
  let last: Picture | null = null;
  let written = 0;
  let begun = 0;
  /** Shows the last frame for all moments before `time`. */
  const showUntil = async (time: number) => {
    for (; last && written < Math.round((time - begun) * rate); written++) await encoder?.write(last.data);
  };
  const gone = () => rmSync(partial, { force: true });
  /** Where the process ends on the way, as when nobody reads its answers any more. */
  const abandon = () => {
    encoder?.kill();
    gone();
  };
  return {
    async add(picture, time) {
      if (!encoder) {
        makeFolder(dirname(path));
        process.once('exit', abandon);
        encoder = await startEncoder(path, partial, format, rate, picture);
        begun = time;
      }
      await showUntil(time);
      last = picture;
    },
    async finish() {
      if (!encoder) return;
      try {
        // The last frame lasts as long as one of the video.
        if (last) await encoder.write(last.data);
        await encoder.end();
        renameSync(partial, path);
      } catch (cause) {
        gone();
        throw systemFailure(cause, `${shown(path)} could not be written`) ?? cause;
      } finally {
        process.off('exit', abandon);
      }
    },
    async discard() {
      await encoder?.kill();
      if (encoder) gone();
      process.off('exit', abandon);
    },
  };
}

interface Encoder {
  write(data: Uint8Array): Promise<void>;
  end(): Promise<void>;
  kill(): Promise<void>;
}

async function startEncoder(
  path: string,
  partial: string,
  format: string,
  rate: number,
  { width, height }: Picture,
): Promise<Encoder> {
  const args = [
    ...['-hide_banner', '-nostats', '-loglevel', 'level+error', '-y'],
    ...['-f', 'rawvideo', '-pix_fmt', 'rgb24', '-s', `${width}x${height}`, '-r', String(rate), '-i', 'pipe:0'],
    // Chroma is kept for each two pixels.
    ...['-vf', 'pad=ceil(iw/2)*2:ceil(ih/2)*2', '-pix_fmt', 'yuv420p', ...(await codec()), '-f', format, `file:${partial}`],
  ];
  const child = start('ffmpeg', args, ['pipe', 'ignore', 'pipe']);
  const complaints: string[] = [];
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    complaints.push(...text.split('\n').flatMap((line) => complaint(line) ?? []));
    complaints.splice(3);
  });
  const stdin = child.stdin as Writable;
  // Why ffmpeg reads no more is told by how it ended.
  stdin.on('error', () => {});
  const end = ended('ffmpeg', child);
  end.catch(() => {});
  const failure = ({ code, signal }: Ended) =>
    new UaferError(
      'IO',
      `${shown(path)} could not be written: ${complaints.map(shown).join('; ') || howEnded(code, signal)}. ` +
        'Make room on the disk, or choose another place.',
    );
  const over = end.then((how) => {
    throw failure(how);
  });
  over.catch(() => {});
  return {
    async write(data) {
      if (child.exitCode !== null || child.signalCode !== null || stdin.destroyed) await over;
      // A pipe that breaks rejects too; why it did is told by how ffmpeg ended.
      if (!stdin.write(data)) await Promise.race([once(stdin, 'drain').catch(() => over), over]);
    },
    async end() {
      stdin.end();
      const how = await end;
      if (how.code !== 0) throw failure(how);
    },
    async kill() {
      child.kill('SIGKILL');
      await end.catch(() => undefined);
    },
  };
}

const howEnded = (code: number | null, signal: NodeJS.Signals | null) =>
  signal === 'SIGXFSZ' ? 'the file gets larger than the system allows' : `ffmpeg ended with ${signal ?? `code ${code}`}`;

/** H.264, which everything plays, where this ffmpeg has it; else MPEG-4. */
async function codec(): Promise<string[]> {
  const { stdout } = await run('ffmpeg', ['-hide_banner', '-encoders']);
  return / libx264 /.test(stdout) ? ['-c:v', 'libx264', '-preset', 'veryfast', '-crf', '20'] : ['-c:v', 'mpeg4', '-q:v', '3'];
}
