/** The frames of a video or a camera, decoded by ffmpeg, one after the other. */
import type { ChildProcess } from 'node:child_process';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { UaferError } from '../errors.js';
import type { Picture } from '../image/picture.js';
import { complaint, ended, localFile, ONLY_FILES, passFramesThrough, start } from './ffmpeg.js';
import { probeVideo, unreadable } from './probe.js';

export interface VideoFrame {
  /** Upright, with square pixels. */
  picture: Picture;
  /** From 0, counting those that were left out. */
  frame: number;
  /** In seconds from the beginning; ascends. */
  time: number;
}

export interface ReadOptions {
  /** Takes every N-th frame, from the first on. */
  every: number;
  /** Told what ffmpeg complains of, where frames came nevertheless. */
  onProblem(message: string): void;
  /** Ends the reading, as if the video ended there. */
  signal?: AbortSignal | undefined;
}

const CHANNELS = 3;
/** Of a frame: 16,384 x 4,096. A frame stands in memory several times. */
const MOST_PIXELS = 2 ** 26;
/** Complaints that are kept. */
const MOST_COMPLAINTS = 3;
/** Seconds that may be missing at the end of a whole video, and their share: durations are said with little care. */
const MISSING = { seconds: 1, share: 0.02 };

/**
 * The frames of a file, at their own times, however irregular. They are decoded as they are taken: memory doesn't grow with the length. What can
 * be read of a broken file is read.
 *
 * @throws UaferError `IMAGE` for what is no video or holds no frame, `RUNTIME_NOT_FOUND` without ffmpeg
 */
export async function* readVideo(path: string, options: ReadOptions): AsyncGenerator<VideoFrame> {
  const { rate, duration } = await probeVideo(path);
  let [time, interval] = [0, 0];
  // V: a stream that is not the cover of a sound file.
  const input = [...ONLY_FILES, '-i', localFile(path), '-map', '0:V:0'];
  for await (const frame of decoded(path, input, rate, options)) {
    interval = Math.max(interval, frame.time - time);
    ({ time } = frame);
    yield frame;
  }
  if (options.signal?.aborted) return;
  const missing = (duration ?? 0) - time - interval;
  if (missing > MISSING.seconds && missing > MISSING.share * (duration ?? 0))
    options.onProblem(`it ends at ${time.toFixed(1)} s of ${(duration as number).toFixed(1)} s`);
}

/** The frames of what ffmpeg opens by these options, such as a camera, until it ends. */
export function readInput(name: string, input: readonly string[], options: ReadOptions): AsyncGenerator<VideoFrame> {
  return decoded(name, input, null, options);
}

async function* decoded(
  name: string,
  input: readonly string[],
  rate: number | null,
  { every, onProblem, signal: stop }: ReadOptions,
): AsyncGenerator<VideoFrame> {
  // ffmpeg turns frames upright by itself. Pixels that are not square are made so.
  const filters = [`select=not(mod(n\\,${every}))`, 'scale=trunc(iw*sar):ih', 'setsar=1', 'showinfo=checksum=0'].join(',');
  const log = ['-nostdin', '-hide_banner', '-nostats', '-loglevel', 'level+info'];
  const output = ['-vf', filters, '-an', '-sn', ...(await passFramesThrough())];
  const pipe = ['-pix_fmt', 'rgb24', '-f', 'rawvideo', 'pipe:1'];
  const child = start('ffmpeg', [...log, ...input, ...output, ...pipe], ['ignore', 'pipe', 'pipe']);
  const end = ended('ffmpeg', child);
  const { announced, complaints } = readLog(child);
  const kill = () => child.kill('SIGKILL');
  stop?.addEventListener('abort', kill);
  if (stop?.aborted) kill();
  let count = 0;
  try {
    let last = 0;
    for await (const { picture, time } of pictures(child.stdout as Readable, announced, name)) {
      const frame = count++ * every;
      // A frame without a time, or one that goes back, comes when it would have come.
      last = Math.max(last, time ?? (rate ? frame / rate : last));
      yield { picture, frame, time: last };
    }
    const { code, signal } = await end;
    if (stop?.aborted) return;
    if (count === 0) throw unreadable(name, complaints[0] ?? (code ? `ffmpeg ended with code ${code}` : 'it holds no frame'));
    if (complaints.length > 0) onProblem(complaints.join('; '));
    else if (code !== 0) onProblem(`ffmpeg ended with ${code === null ? `signal ${signal}` : `code ${code}`}`);
  } finally {
    stop?.removeEventListener('abort', kill);
    kill();
    // What nobody reads any more would keep it from ending.
    child.stdout?.destroy();
    child.stderr?.destroy();
    // What a program that could not be started has to say was thrown already, or nobody waits for it any more.
    await end.catch(() => undefined);
  }
}

/** What ffmpeg says of a frame before it hands it over. */
interface Announced {
  time: number | null;
  width: number;
  height: number;
}

const FRAME = /showinfo.*? n: *\d+ .*?pts_time: *(\S+).* s:(\d+)x(\d+)/;

function readLog(child: ChildProcess): { announced: AsyncIterator<Announced>; complaints: string[] } {
  const complaints: string[] = [];
  const lines = createInterface({ input: child.stderr as Readable });
  const announced = async function* () {
    for await (const line of lines) {
      const [, time, width, height] = FRAME.exec(line) ?? [];
      const wrong = complaint(line);
      if (wrong && complaints.length < MOST_COMPLAINTS && !complaints.includes(wrong)) complaints.push(wrong);
      if (width && height) {
        const seconds = Number(time);
        yield { time: Number.isFinite(seconds) ? seconds : null, width: Number(width), height: Number(height) };
      }
    }
  };
  return { announced: announced(), complaints };
}

/** Puts the frames together from the bytes of the pipe. A part of a frame at its end is none. */
async function* pictures(
  stream: Readable,
  announced: AsyncIterator<Announced>,
  name: string,
): AsyncGenerator<{ picture: Picture; time: number | null }> {
  const chunks = stream[Symbol.asyncIterator]() as AsyncIterator<Buffer>;
  let rest: Uint8Array = new Uint8Array(0);
  let size: { width: number; height: number } | null = null;
  for (;;) {
    const next = await announced.next();
    if (next.done) return;
    // Where the size changes on the way, ffmpeg scales to the first one.
    size ??= checkedSize(next.value, name);
    const { width, height } = size;
    // Without zeros, which would be written over.
    const data = new Uint8Array(Buffer.allocUnsafeSlow(width * height * CHANNELS).buffer);
    for (let done = 0; done < data.length; ) {
      if (rest.length === 0) {
        const chunk = await chunks.next();
        if (chunk.done) return;
        rest = chunk.value;
      }
      const part = rest.subarray(0, data.length - done);
      data.set(part, done);
      done += part.length;
      rest = rest.subarray(part.length);
    }
    yield { picture: { data, width, height }, time: next.value.time };
  }
}

function checkedSize({ width, height }: Announced, name: string): { width: number; height: number } {
  if (width * height <= MOST_PIXELS) return { width, height };
  throw new UaferError(
    'IMAGE',
    `${name}: its frames of ${width} x ${height} pixels are too large, ${MOST_PIXELS} pixels are the most.`,
  );
}
