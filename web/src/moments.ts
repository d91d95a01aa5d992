/** What was seen of the faces of a clip, for its time line: as much as is shown, so that a camera may run for hours. */
import type { Answer } from '#uafer/predict/answer.js';
import type { FollowedFace } from '#uafer/predict/followFaces.js';

/** A face at a time, by what was seen of it until then. */
export interface Moment {
  time: number;
  track: number;
  answer: Answer;
}

/** Moments that are kept: some ten minutes of one face at 15 frames a second. */
const MOST_MOMENTS = 10_000;

/** The moments with those of a frame. After a jump back in a video what was seen from there on is replaced. */
export function withFrame(
  moments: readonly Moment[],
  faces: readonly FollowedFace[],
  time: number,
  restart: boolean,
): Moment[] {
  const before = restart ? moments.filter((moment) => moment.time < time) : moments;
  const kept = before.length + faces.length > MOST_MOMENTS ? before.slice(before.length + faces.length - MOST_MOMENTS) : before;
  return [...kept, ...faces.map(({ track, overTime }) => ({ time, track, answer: overTime }))];
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
