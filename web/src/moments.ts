/** What was seen of the faces of a clip, for its time line: as much as is shown, so that a camera may run for hours. */
import { edgesOf, intersectionOverUnion } from '#uafer/faces/boxes.js';
import type { Box } from '#uafer/faces/types.js';
import type { Answer } from '#uafer/predict/answer.js';
import type { FollowedFace } from '#uafer/predict/followFaces.js';

/** A face at a time, by what was seen of it until then. */
export interface Moment {
  time: number;
  track: number;
  answer: Answer;
  box: Box;
}

/** Moments that are kept: some ten minutes of one face at 15 frames a second. */
const MOST_MOMENTS = 10_000;
/** Seconds between a frame that is seen again and the moment that it is taken for. */
const NEAR = 0.25;
/** Overlap of boxes from which on they are of the same face. */
const SAME = 0.3;

/** Whether a time lies among the moments, as after a jump back in a video. */
export function isKnown(moments: readonly Moment[], time: number): boolean {
  return time <= (moments.at(-1)?.time ?? Number.NEGATIVE_INFINITY);
}

/** The moments with those of a frame that is new. */
export function withFrame(moments: readonly Moment[], faces: readonly FollowedFace[], time: number): Moment[] {
  const over = moments.length + faces.length - MOST_MOMENTS;
  const kept = over > 0 ? moments.slice(over) : moments;
  return [...kept, ...faces.map(({ track, overTime, box }) => ({ time, track, answer: overTime, box }))];
}

/** The faces of a frame that is seen again, by the numbers and answers that they had: looking back changes nothing. */
export function recalled(moments: readonly Moment[], faces: readonly FollowedFace[], time: number): FollowedFace[] {
  const near = moments
    .filter((moment) => Math.abs(moment.time - time) <= NEAR)
    .sort((a, b) => Math.abs(a.time - time) - Math.abs(b.time - time));
  return faces.map((face) => {
    const moment = near.find(({ box }) => intersectionOverUnion(edgesOf(box), edgesOf(face.box)) >= SAME);
    return moment ? { ...face, track: moment.track, overTime: moment.answer } : face;
  });
}

/** One line a moment, for a table: time, face, expression, its probability, uncertainty, ambiguity, decision, and every probability. */
export function momentsTable(moments: readonly Moment[], classes: readonly string[]): string {
  const head = [
    'time',
    'face',
    'expression',
    'probability',
    'uncertainty',
    'ambiguity',
    'decision',
    ...classes.map((name) => `p(${name})`),
  ];
  const number = (value: number | undefined) => String(Math.round((value ?? 0) * 1e6) / 1e6);
  const rows = moments.map(({ time, track, answer: { expression, probabilities, uncertainty, ambiguity, decision } }) => [
    time.toFixed(3),
    String(track),
    quoted(expression),
    ...[probabilities[expression], uncertainty, ambiguity].map(number),
    decision ?? '',
    ...classes.map((name) => number(probabilities[name])),
  ]);
  return [head.map(quoted), ...rows].map((cells) => `${cells.join(',')}\n`).join('');
}

const quoted = (text: string) => (/[",\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text);
