import { extname } from 'node:path';

/** Endings of video files, in lower case. */
const VIDEO_ENDINGS: ReadonlySet<string> = new Set(
  '3gp asf avi flv m2ts m4v mjpeg mkv mov mp4 mpeg mpg mts mxf ogv ts vob webm wmv y4m'.split(' ').map((name) => `.${name}`),
);

export function isVideoName(name: string): boolean {
  return VIDEO_ENDINGS.has(extname(name).toLowerCase());
}

/** Endings of programs in TypeScript too. */
const AMBIGUOUS: ReadonlySet<string> = new Set(['.ts', '.mts']);

/** Whether a file that nobody named, such as one of a folder, is taken for a video. */
export function isCertainVideoName(name: string): boolean {
  return isVideoName(name) && !AMBIGUOUS.has(extname(name).toLowerCase());
}
