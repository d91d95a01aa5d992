/** What a person reads of a video. */
import { counted } from '../counted.js';
import type { Decision } from '../predict/answer.js';
import type { ChangeLine, ClipLine } from '../predict/videoLine.js';

/** What there is to say of a decision beside the expression, with two spaces in front. */
export function advice(decision: Decision, candidates: readonly string[] | undefined): string {
  if (decision === 'ambiguous') return `  people would disagree: ${candidates?.join(' or ')}`;
  return decision === 'reject' ? '  rejected: not like the pictures that the model learned from' : '';
}

/** `0:03.2  face 1  happy 94%, uncertainty 0.08`. */
export function readableChange({ time, track, change, overTime }: ChangeLine): string {
  const who = `${clock(time)}  face ${track}  `;
  if (change === 'left') return `${who}gone\n`;
  const { expression, probabilities, uncertainty, decision, candidates } = overTime;
  const probability = Math.round(100 * (probabilities[expression] as number));
  return `${who}${expression} ${probability}%, uncertainty ${uncertainty.toFixed(2)}${advice(decision, candidates)}\n`;
}

/** Faces that are told one by one: those that were seen longest. */
const MOST_FACES = 20;
/** Expressions of a face, the most frequent first. */
const MOST_EXPRESSIONS = 3;

/** A line a video, and one a face: when it was seen, what it showed for which part of that, and how certain that was. */
export function readableClip({ file, clip }: ClipLine): string {
  const { duration, frames, complete, problems, faces, others } = clip;
  const total = faces.length + others;
  const count = total === 0 ? 'no face' : counted(total, 'face');
  const stopped = complete ? '' : ', stopped';
  const shown = faces
    .toSorted((a, b) => b.frames - a.frames)
    .slice(0, MOST_FACES)
    .sort((a, b) => a.track - b.track)
    .map((face) => ({
      ...face,
      when: `${clock(face.from)} to ${clock(face.to)}`,
      what: shares(face.expressions, face.frames),
    }));
  const width = (of: (face: (typeof shown)[number]) => string) => Math.max(0, ...shown.map((face) => of(face).length));
  const [tracks, whens, whats] = [width(({ track }) => `${track}`), width(({ when }) => when), width(({ what }) => what)];
  const lines = shown.map(
    ({ track, when, what, ...face }) =>
      `  face ${`${track}`.padEnd(tracks)}  ${when.padEnd(whens)}  ${what.padEnd(whats)}  uncertainty ${face.uncertainty.toFixed(2)}${doubts(face)}`,
  );
  const more = total > shown.length ? [`  and ${counted(total - shown.length, 'face')} that were seen for less time`] : [];
  const wrong = problems.map((problem) => `  damaged: ${problem}`);
  return [`${file}: ${clock(duration)}, ${counted(frames, 'frame')}, ${count}${stopped}`, ...lines, ...more, ...wrong, ''].join(
    '\n',
  );
}

function shares(counts: Readonly<Record<string, number>>, total: number): string {
  const parts = Object.entries(counts).sort(([, a], [, b]) => b - a);
  return parts
    .slice(0, MOST_EXPRESSIONS)
    .map(([name, count]) => `${name} ${Math.round((100 * count) / total)}%`)
    .join(', ');
}

type ClipFace = ClipLine['clip']['faces'][number];

function doubts({ decisions: { ambiguous = 0, reject = 0 }, frames }: Omit<ClipFace, 'track'>): string {
  const share = (count: number) => `${Math.max(1, Math.round((100 * count) / frames))}%`;
  return [
    ...(ambiguous > 0 ? [`, people would disagree ${share(ambiguous)}`] : []),
    ...(reject > 0 ? [`, rejected ${share(reject)}`] : []),
  ].join('');
}

/** `0:03.2`, `1:02:03.4`. */
export function clock(seconds: number): string {
  const tenths = Math.round(10 * seconds);
  const [hours, minutes] = [Math.floor(tenths / 36_000), Math.floor(tenths / 600) % 60];
  const rest = ((tenths % 600) / 10).toFixed(1).padStart(4, '0');
  return hours > 0 ? `${hours}:${String(minutes).padStart(2, '0')}:${rest}` : `${minutes}:${rest}`;
}
