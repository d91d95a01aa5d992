/** `uafer predict` on a video or a camera: from its frames to lines, an overlay and a plot. */
import { existsSync, realpathSync } from 'node:fs';
import { extname, join, resolve } from 'node:path';
import { UaferError } from '../errors.js';
import { writeFileAtomically } from '../files.js';
import type { AnswerWriter } from '../node/answerForms.js';
import { drawFrame } from '../node/draw.js';
import { type Predictor, predictCamera, predictVideo } from '../node/index.js';
import { plotVideo } from '../node/plotVideo.js';
import type { PredictOptions } from '../predict/predictor.js';
import { createTimeline } from '../predict/timeline.js';
import { clipLine, createChanges } from '../predict/videoLine.js';
import { createProgress, type Progress } from '../progress.js';
import { isVideoName } from '../video/endings.js';
import { probeVideo } from '../video/probe.js';
import { createVideoWriter, isWrittenVideo, type VideoWriter } from '../video/writeVideo.js';

/** What can be asked for of videos. */
export interface ClipOptions {
  every: number;
  changes?: boolean;
  overlay?: string;
  plot?: string;
}

/** A video's path, or a camera: null for the first one. */
export type Clip = { file: string; path: string } | { file: string; camera: string | null };

export interface ClipRun {
  predictor: Predictor;
  asked: PredictOptions;
  options: ClipOptions;
  writer: AnswerWriter;
  /** Takes what is to be printed or written. */
  put(text: string): void | Promise<void>;
  signal: AbortSignal;
  /** The name of what is written about a file into a folder of several. */
  nameOf(file: string): string;
  /** Whether a progress of its own is shown. */
  progress: boolean;
  /** Whether the last line is left out after an interruption, so that the video is made anew. */
  resumable: boolean;
}

export interface ClipCount {
  frames: number;
  faces: number;
}

/** Frames a second of a camera's overlay, whose own rate is not known beforehand. */
const CAMERA_RATE = 25;
const PLOT_ENDING = '.svg';
/** Endings of what is no plot of ours, and hardly a folder. */
const NO_PLOTS = /\.(png|jpe?g|webp|pdf|html?)$/i;

/** What is asked for of videos where there is none, and what would be written over. Throws `USAGE`. */
export function checkClipOptions(options: ClipOptions, videos: readonly string[] | 'unknown'): void {
  const { every, changes, overlay, plot } = options;
  const single = overlay !== undefined && isWrittenVideo(overlay);
  if (overlay !== undefined && isVideoName(overlay) && !single)
    throw new UaferError('USAGE', `--overlay ${overlay}: videos are written as .mp4, .mkv or .mov.`);
  if (plot !== undefined && NO_PLOTS.test(plot))
    throw new UaferError('USAGE', `--plot ${plot}: plots are written as ${PLOT_ENDING}.`);
  if (videos === 'unknown') return;
  const only = [
    ...(every === 1 ? [] : ['--every']),
    ...(changes ? ['--changes'] : []),
    ...(plot === undefined ? [] : ['--plot']),
    ...(single ? [`--overlay ${overlay}`] : []),
  ];
  if (videos.length === 0 && only.length > 0)
    throw new UaferError('USAGE', `${only.join(', ')}: is for videos, and there is none among the inputs.`);
  if (videos.length > 1 && single)
    throw new UaferError('USAGE', `--overlay ${overlay}: there are ${videos.length} videos: name a folder for their overlays.`);
  if (videos.length > 1 && plot !== undefined && isPlot(plot))
    throw new UaferError('USAGE', `--plot ${plot}: there are ${videos.length} videos: name a folder for their plots.`);
  if (single && videos.some((video) => isSame(video, overlay)))
    throw new UaferError('USAGE', `--overlay ${overlay}: is the video itself, which stays as it is: choose another name.`);
}

const isPlot = (path: string) => extname(path).toLowerCase() === PLOT_ENDING;
const isSame = (a: string, b: string) =>
  existsSync(a) && existsSync(b) && realpathSync(resolve(a)) === realpathSync(resolve(b));

/**
 * Predicts a video or what a camera sees, to its end or until the signal. All that was written until then is whole.
 *
 * @throws UaferError `IMAGE` for what is no video
 */
export async function predictClip(clip: Clip, run: ClipRun): Promise<ClipCount> {
  const { predictor, asked, options, writer, put, signal } = run;
  const timeline = createTimeline();
  const changes = createChanges();
  const problems: string[] = [];
  const reading = { ...asked, every: options.every, signal, onProblem: (problem: string) => void problems.push(problem) };
  const name = run.nameOf(clip.file);
  const { progress, overlay } = await prepare(clip, name, run);
  const frames =
    'path' in clip ? predictVideo(predictor, clip.path, reading) : predictCamera(predictor, clip.camera ?? undefined, reading);
  let count = 0;
  try {
    for await (const frame of frames) {
      timeline.add(frame);
      if (options.changes) for (const line of changes.of(clip.file, frame)) await put(writer.change(line));
      else await put(writer.frame(clip.file, frame));
      await overlay?.add(await drawFrame(frame.picture, frame.faces), frame.time);
      progress.update(++count);
    }
    await overlay?.finish();
  } catch (error) {
    await overlay?.discard();
    throw error;
  } finally {
    progress.stop();
  }
  const line = clipLine(clip.file, timeline, { frames: count, complete: !signal.aborted, problems });
  if (!(signal.aborted && run.resumable)) await put(writer.clip(line));
  if (options.plot !== undefined) {
    const path = isPlot(options.plot) ? options.plot : join(options.plot, `${name}${PLOT_ENDING}`);
    writeFileAtomically(path, plotVideo(clip.file, timeline, predictor.model));
  }
  return { frames: count, faces: line.clip.faces.length + line.clip.others };
}

async function prepare(
  clip: Clip,
  name: string,
  { options, ...run }: ClipRun,
): Promise<{ progress: Progress; overlay: VideoWriter | null }> {
  const facts =
    'path' in clip ? await probeVideo(clip.path) : { rate: CAMERA_RATE * options.every, duration: null, frames: null };
  const all = facts.frames ?? (facts.rate && facts.duration ? Math.round(facts.rate * facts.duration) : null);
  const progress = createProgress({
    label: name,
    total: Math.max(1, Math.ceil((all ?? 0) / options.every)),
    unit: 'frames',
    quiet: all === null || !run.progress,
    endLine: false,
  });
  if (options.overlay === undefined) return { progress, overlay: null };
  const path = isWrittenVideo(options.overlay) ? options.overlay : join(options.overlay, `${name}.mp4`);
  return { progress, overlay: createVideoWriter(path, (facts.rate ?? CAMERA_RATE) / options.every) };
}
