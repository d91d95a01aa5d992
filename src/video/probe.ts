/** What a video file holds. */
import { closeSync } from 'node:fs';
import { z } from 'zod';
import { UaferError } from '../errors.js';
import { openRegularFile } from '../regularFiles.js';
import { shown } from '../shown.js';
import { reasonOf } from '../systemErrors.js';
import { localFile, ONLY_FILES, run } from './ffmpeg.js';

export interface VideoFacts {
  /** Frames a second, on average; null where it is not known. */
  rate: number | null;
  /** Of the video itself, in seconds; null where it is not known. */
  duration: number | null;
  /** As the file says; null where it doesn't. */
  frames: number | null;
}

const probed = z.object({
  streams: z
    .array(
      z.object({
        codec_type: z.string().optional(),
        codec_name: z.string().optional(),
        avg_frame_rate: z.string().optional(),
        r_frame_rate: z.string().optional(),
        duration: z.string().optional(),
        nb_frames: z.string().optional(),
        tags: z.object({ DURATION: z.string().optional() }).optional(),
        disposition: z.object({ attached_pic: z.number().optional() }).optional(),
      }),
    )
    .default([]),
  format: z.object({ duration: z.string().optional() }).default({}),
});

/**
 * Looks into a video file.
 *
 * @throws UaferError `IMAGE` for what is none, or has no video in it; `RUNTIME_NOT_FOUND` without ffprobe
 */
export async function probeVideo(path: string): Promise<VideoFacts> {
  requireFile(path);
  const args = ['-v', 'error', ...ONLY_FILES, '-of', 'json', '-show_streams', '-show_format', '-i', localFile(path)];
  const { code, stdout, stderr } = await run('ffprobe', args);
  if (code !== 0) throw unreadable(path, lastLine(stderr).replaceAll(`${localFile(path)}: `, ''));
  const { streams, format } = probed.parse(JSON.parse(stdout));
  const video = streams.find(({ codec_type, disposition }) => codec_type === 'video' && !disposition?.attached_pic);
  if (!video) {
    const held = streams.map(({ codec_type = 'data', codec_name = 'unknown' }) => `${codec_type} (${codec_name})`).join(', ');
    throw unreadable(path, `it has no video in it, only ${held || 'nothing that is known'}`);
  }
  return {
    rate: rateOf(video.avg_frame_rate) ?? rateOf(video.r_frame_rate),
    // The whole may last longer, by its sound.
    duration: positive(video.duration) ?? secondsOf(video.tags?.DURATION) ?? positive(format.duration),
    frames: positive(video.nb_frames),
  };
}

export function unreadable(name: string, reason: string): UaferError {
  return new UaferError('IMAGE', `${shown(name)} cannot be read as a video: ${shown(reason)}`);
}

function requireFile(path: string): void {
  try {
    closeSync(openRegularFile(path));
  } catch (cause) {
    throw unreadable(path, reasonOf(cause));
  }
}

const lastLine = (text: string) => text.trim().split('\n').at(-1)?.trim() || 'ffprobe does not say why';

function positive(text: string | undefined): number | null {
  const value = Number(text);
  return value > 0 && Number.isFinite(value) ? value : null;
}

/** Of `00:01:02.500000000`, as Matroska says it. */
function secondsOf(text: string | undefined): number | null {
  const [, hours, minutes, seconds] = /^(\d+):(\d+):(\d+(?:\.\d+)?)$/.exec(text ?? '') ?? [];
  return seconds === undefined ? null : positive(String(3600 * Number(hours) + 60 * Number(minutes) + Number(seconds)));
}

/** Of `30000/1001`. */
function rateOf(text: string | undefined): number | null {
  const [over = '', under = '1'] = (text ?? '').split('/');
  return positive(String(Number(over) / Number(under)));
}
