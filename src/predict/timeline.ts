/** What the faces of a clip showed, over its whole time, in memory that doesn't grow with the clip. */
import type { Decision } from './answer.js';
import type { FollowedFrame } from './followFaces.js';

/** What a face showed in one stretch of time. */
export interface Stretch {
  /** In seconds, from the first of its frames to the first of the next stretch. */
  from: number;
  to: number;
  /** In which the face was seen. */
  frames: number;
  /** Sum over the frames. */
  uncertainty: number;
  /** Frames of each expression, by the answer over time. */
  expressions: Record<string, number>;
  /** Frames of each decision; none where the model has no thresholds. */
  decisions: Partial<Record<NonNullable<Decision>, number>>;
}

export interface TimelineTrack {
  track: number;
  /** In seconds: the first and the last frame in which it was seen. */
  from: number;
  to: number;
  /** All of it as one. */
  whole: Stretch;
  /** In their order; without those in which it was not seen. */
  stretches: Stretch[];
}

export interface Timeline {
  add(frame: FollowedFrame): void;
  /** In the order of their numbers: those that were seen longest. */
  tracks(): TimelineTrack[];
  /** How many faces were left out, because they were seen for a shorter time than all of those. */
  others(): number;
  /** In seconds: of the last frame. */
  readonly end: number;
}

/** Of a track. Where a clip needs more, two become one. */
const MOST_STRETCHES = 512;
const MOST_TRACKS = 128;
/** Of a stretch at first, in seconds. */
const SHORTEST = 1 / 32;

interface Kept extends TimelineTrack {
  /** By the position of the stretch. */
  byPlace: Map<number, Stretch>;
}

export function createTimeline(): Timeline {
  const kept = new Map<number, Kept>();
  let length = SHORTEST;
  let all = 0;
  let end = 0;
  const addFace = ({ track, overTime }: FollowedFrame['faces'][number], time: number) => {
    const own = kept.get(track) ?? { track, from: time, to: time, whole: emptyStretch(), stretches: [], byPlace: new Map() };
    kept.set(track, own);
    all = Math.max(all, track);
    own.to = time;
    const place = Math.floor(time / length);
    const stretch = own.byPlace.get(place) ?? emptyStretch();
    own.byPlace.set(place, stretch);
    for (const each of [stretch, own.whole]) {
      each.frames++;
      each.uncertainty += overTime.uncertainty;
      count(each.expressions, overTime.expression, 1);
      if (overTime.decision) count(each.decisions, overTime.decision, 1);
    }
  };
  return {
    add({ time, faces }) {
      end = time;
      while (time >= length * MOST_STRETCHES) {
        length *= 2;
        for (const own of kept.values()) own.byPlace = halved(own.byPlace);
      }
      for (const face of faces) addFace(face, time);
      while (kept.size > MOST_TRACKS) kept.delete(leastSeen([...kept.values()], time).track);
    },
    tracks: () =>
      [...kept.values()].map(({ byPlace, ...own }) => ({
        ...own,
        whole: { ...own.whole, from: own.from, to: own.to },
        stretches: [...byPlace].map(([place, stretch]) => ({ ...stretch, from: place * length, to: (place + 1) * length })),
      })),
    // Tracks are numbered from 1.
    others: () => all - kept.size,
    get end() {
      return end;
    },
  };
}

const emptyStretch = (): Stretch => ({ from: 0, to: 0, frames: 0, uncertainty: 0, expressions: {}, decisions: {} });

/** Among those that are not in sight, if there are any: one that has just come may stay. */
function leastSeen(tracks: readonly Kept[], now: number): Kept {
  const gone = tracks.filter(({ to }) => to < now);
  return (gone.length > 0 ? gone : tracks).reduce((least, each) => (each.whole.frames < least.whole.frames ? each : least));
}

/** The stretches two by two. */
function halved(stretches: ReadonlyMap<number, Stretch>): Map<number, Stretch> {
  const together = new Map<number, Stretch>();
  for (const [place, stretch] of stretches) {
    const sum = together.get(place >> 1) ?? emptyStretch();
    together.set(place >> 1, sum);
    sum.frames += stretch.frames;
    sum.uncertainty += stretch.uncertainty;
    for (const [name, frames] of Object.entries(stretch.expressions)) count(sum.expressions, name, frames);
    for (const [name, frames] of Object.entries(stretch.decisions))
      count(sum.decisions, name as NonNullable<Decision>, frames as number);
  }
  return together;
}

function count<Name extends string>(counts: Partial<Record<Name, number>>, name: Name, by: number): void {
  counts[name] = (counts[name] ?? 0) + by;
}

/** The expression of most frames, of a stretch or a whole track; of equal ones the first that was seen. */
export function mainExpression({ expressions }: Pick<Stretch, 'expressions'>): string {
  return Object.entries(expressions).reduce((most, each) => (each[1] > most[1] ? each : most))[0];
}
