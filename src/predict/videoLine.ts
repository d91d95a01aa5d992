/** Lines of `uafer predict --json` about a video or a camera, in a form that programs can rely on. */
import { z } from 'zod';
import type { Answer } from './answer.js';
import type { FollowedFace, FollowedFrame } from './followFaces.js';
import { answerLine, answerSchema, faceLine, facePredictionSchema, millionth } from './predictionLine.js';
import type { Timeline, TimelineTrack } from './timeline.js';

const seconds = z.number().min(0);
const count = z.int().min(0);
const track = z.int().positive();

const followedFaceSchema = facePredictionSchema.extend({
  /** The number of the face from frame to frame. A face that comes back after a second, or after a cut, has another one. */
  track,
  /** What the face shows by this frame and those of the last two seconds; what stands beside it is said of this frame alone. */
  overTime: answerSchema,
});

const frameSchema = z.object({
  file: z.string(),
  /** From 0, counting those that were left out by `--every`. */
  frame: count,
  /** In seconds from the beginning. */
  time: seconds,
  width: z.int().positive(),
  height: z.int().positive(),
  /** Whether another scene begins with this frame. */
  cut: z.boolean(),
  faces: z.array(followedFaceSchema),
});

const changeSchema = z.object({
  file: z.string(),
  frame: count,
  time: seconds,
  track,
  /** Why there is a line: the face came, its expression or the decision over time became another, or it was seen no more. */
  change: z.enum(['came', 'changed', 'left']),
  /** The last, of a face that left. */
  overTime: answerSchema,
});

const clipSchema = z.object({
  file: z.string(),
  /** The last line about a video. */
  clip: z.object({
    /** In seconds: the time of the last frame. */
    duration: seconds,
    /** That were looked at. */
    frames: count,
    /** Whether it was looked at to its end: false after an interruption. */
    complete: z.boolean(),
    /** What ffmpeg complained of. */
    problems: z.array(z.string()),
    /** Those that were seen longest, of many. */
    faces: z.array(
      z.object({
        track,
        from: seconds,
        to: seconds,
        frames: count,
        /** Mean of the uncertainty over time. */
        uncertainty: z.number().min(0).max(1),
        /** Frames of each expression, over time. */
        expressions: z.record(z.string(), count),
        /** Frames of each decision, over time. */
        decisions: z.partialRecord(z.enum(['report', 'ambiguous', 'reject']), count),
      }),
    ),
    /** How many faces were seen for a shorter time than all of those, and are not among them. */
    others: count,
  }),
});

export const videoLineSchema = z.union([
  frameSchema,
  changeSchema,
  clipSchema,
  z.object({ file: z.string(), error: z.string() }),
]);

/** What is said of a frame. */
export type FrameLine = z.infer<typeof frameSchema>;
export type ChangeLine = z.infer<typeof changeSchema>;
export type ClipLine = z.infer<typeof clipSchema>;

/** A frame, and its place in the video. */
export type PlacedFrame = FollowedFrame & { frame: number };

/** Times to a microsecond; shares to 6 decimals, positions to a hundredth of a pixel. */
export function frameLine(file: string, { frame, time, width, height, cut, faces }: PlacedFrame): FrameLine {
  return { file, frame, time: millionth(time), width, height, cut, faces: faces.map(followedFaceLine) };
}

function followedFaceLine({ track, overTime, ...face }: FollowedFace): FrameLine['faces'][number] {
  return { track, ...faceLine(face), overTime: answerLine(overTime) };
}

/** Which faces came, changed and left, from frame to frame. */
export interface Changes {
  of(file: string, frame: PlacedFrame): ChangeLine[];
}

/** A face that was not seen for some frames has not left until its track is over. Memory is bounded by the faces in sight. */
export function createChanges(): Changes {
  const last = new Map<number, Answer>();
  return {
    of(file, { frame, time, faces, ended }) {
      const line = (track: number, change: ChangeLine['change'], answer: Answer): ChangeLine => ({
        ...{ file, frame, time: millionth(time), track, change },
        overTime: answerLine(answer),
      });
      const left = ended.flatMap((track) => {
        const answer = last.get(track);
        last.delete(track);
        return answer ? [line(track, 'left', answer)] : [];
      });
      const others = faces.flatMap(({ track, overTime }) => {
        const before = last.get(track);
        last.set(track, overTime);
        if (!before) return [line(track, 'came', overTime)];
        const same = before.expression === overTime.expression && before.decision === overTime.decision;
        return same ? [] : [line(track, 'changed', overTime)];
      });
      return [...left, ...others];
    },
  };
}

export interface ClipEnd {
  frames: number;
  complete: boolean;
  problems: readonly string[];
}

/** The line that ends a video. */
export function clipLine(file: string, timeline: Timeline, { frames, complete, problems }: ClipEnd): ClipLine {
  const faces = timeline.tracks().map(trackLine);
  const duration = millionth(timeline.end);
  return { file, clip: { duration, frames, complete, problems: [...problems], faces, others: timeline.others() } };
}

function trackLine({ track, from, to, whole }: TimelineTrack): ClipLine['clip']['faces'][number] {
  const { frames, uncertainty, expressions, decisions } = whole;
  const mean = millionth(uncertainty / frames);
  return { track, from: millionth(from), to: millionth(to), frames, uncertainty: mean, expressions, decisions };
}
