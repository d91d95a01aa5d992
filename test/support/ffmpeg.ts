/** ffmpeg for tests: that of a package, so that they are the same wherever they run, and none is left out where none is installed. */
import { spawnSync } from 'node:child_process';
import { chmodSync } from 'node:fs';
import { createRequire } from 'node:module';
import { delimiter, dirname } from 'node:path';
import type { Picture } from '#uafer/image/picture.js';

const require = createRequire(import.meta.url);
const ffmpeg: string = require('@ffmpeg-installer/ffmpeg').path;
const ffprobe: string = require('@ffprobe-installer/ffprobe').path;
// Their install scripts, which do this alone, are not run.
for (const program of [ffmpeg, ffprobe]) chmodSync(program, 0o755);

/** A PATH on which they are found. */
export const PATH_WITH_FFMPEG = [dirname(ffmpeg), dirname(ffprobe), process.env.PATH].join(delimiter);

/** Runs ffmpeg to make a file. */
export function runFfmpeg(args: readonly string[], input?: Uint8Array): void {
  const { status, stderr } = spawnSync(ffmpeg, ['-hide_banner', '-loglevel', 'error', '-y', ...args], {
    input,
    maxBuffer: 2 ** 26,
  });
  if (status !== 0) throw new Error(`ffmpeg ${args.join(' ')}: ${stderr}`);
}

/** What ffprobe says of the first video of a file, by the names of its entries. */
export function probed(path: string): Record<string, string> {
  const { stdout } = spawnSync(ffprobe, [
    ...['-v', 'error', '-select_streams', 'v:0', '-count_frames', '-of', 'json'],
    ...['-show_entries', 'stream=width,height,avg_frame_rate,nb_read_frames,duration', path],
  ]);
  return JSON.parse(String(stdout)).streams[0];
}

/** Writes frames as a video, of a quality at which faces look the same. */
export function writeFilm(path: string, frames: readonly Picture[], { rate = 25, options = [] as string[] } = {}): void {
  const { width, height } = frames[0] as Picture;
  const input = ['-f', 'rawvideo', '-pix_fmt', 'rgb24', '-s', `${width}x${height}`, '-r', String(rate), '-i', 'pipe:0'];
  const output =
    options.length > 0 ? options : ['-c:v', 'libx264', '-preset', 'ultrafast', '-crf', '12', '-pix_fmt', 'yuv420p'];
  runFfmpeg([...input, ...output, path], Buffer.concat(frames.map(({ data }) => data)));
}
