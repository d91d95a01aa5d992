/**
 * Faces followed from frame to frame by where they are, not by what they look like: nothing of a face is kept but its box and a number, which means
 * nothing beyond its clip.
 *
 * A face of the last frames is looked for where it was and where its motion would have brought it, by the overlap of the boxes, the best
 * first; then those left over are compared with boxes grown by half (Yang et al. 2023, buffered IoU): a face that moved by more than its size
 * between two frames, in a quick pan or where frames are skipped.
 */
import { UaferError } from '../errors.js';
import { edgesOf, intersectionOverUnion } from './boxes.js';
import type { Box } from './types.js';

export interface TrackerOptions {
  /** Seconds for which a face may be unseen; 1 when left out. After that, or after a cut, it is another one. Rare frames are no gap. */
  gap?: number;
}

interface Followed {
  /** The number of each box's track, from 1, in the order of the boxes. No number comes twice. */
  tracks: number[];
  /** Numbers of the tracks that are over. */
  ended: number[];
}

export interface Tracker {
  /**
   * @param time in seconds; ascends from call to call
   * @param cut whether another scene begins with this frame: then every track ends before it
   */
  follow(boxes: readonly Box[], time: number, cut?: boolean): Followed;
}

interface Track {
  id: number;
  box: Box;
  seen: number;
  /** Of the box's centre, in pixels a second. */
  velocity: { x: number; y: number };
}

const GAP = 1;
/** How a face is looked for, one way after the other: boxes grown by this part of their size on each side, which overlap by at least so much. */
const WAYS = [
  { growth: 0, least: 0.3 },
  { growth: 0.5, least: 0.2 },
] as const;
/** Seconds over which a motion is believed to go on. */
const MOTION = 0.25;
/** Tracks that are kept; those that have not been seen for longest go first. */
const MOST_TRACKS = 1024;

/** Follows the faces of one clip or camera. Memory is bounded by what is in sight. */
export function createTracker({ gap = GAP }: TrackerOptions = {}): Tracker {
  if (!(gap >= 0)) throw new UaferError('USAGE', `gap: expected seconds from 0, got ${gap}.`);
  let tracks: Track[] = [];
  let last = 0;
  let before = 0;
  return {
    follow(boxes, time, cut = false) {
      const known = cut ? [] : tracks.filter(({ seen }) => seen === before || time - seen <= gap);
      before = time;
      const numbers = new Array<number>(boxes.length);
      for (const [track, i] of matches(known, boxes, time)) {
        numbers[i] = track.id;
        move(track, boxes[i] as Box, time);
      }
      const started = boxes.flatMap((box, i) => {
        if (numbers[i] !== undefined) return [];
        numbers[i] = ++last;
        return [{ id: last, box, seen: time, velocity: { x: 0, y: 0 } }];
      });
      const kept = [...known, ...started].sort((a, b) => b.seen - a.seen || a.id - b.id).slice(0, MOST_TRACKS);
      const alive = new Set(kept.map(({ id }) => id));
      const ended = tracks.map(({ id }) => id).filter((id) => !alive.has(id));
      tracks = kept;
      return { tracks: numbers, ended };
    },
  };
}

/** Which track each box belongs to: one box a track, one track a box. */
function matches(tracks: readonly Track[], boxes: readonly Box[], time: number): [Track, number][] {
  const found: [Track, number][] = [];
  const freeTracks = new Set(tracks);
  const freeBoxes = new Set(boxes.keys());
  for (const { growth, least } of WAYS) {
    const pairs = [...freeTracks].flatMap((track) => {
      const places = [track.box, moved(track, time)];
      return [...freeBoxes].flatMap((i) => {
        const overlap = Math.max(
          ...places.map((place) => intersectionOverUnion(edgesOf(place, growth), edgesOf(boxes[i] as Box, growth))),
        );
        return overlap >= least ? [{ track, i, overlap }] : [];
      });
    });
    // Of equal ones the older track, then the more confident box.
    pairs.sort((a, b) => b.overlap - a.overlap || a.track.id - b.track.id || a.i - b.i);
    for (const { track, i } of pairs) {
      if (!freeTracks.has(track) || !freeBoxes.has(i)) continue;
      freeTracks.delete(track);
      freeBoxes.delete(i);
      found.push([track, i]);
    }
  }
  return found;
}

/** Where a track's motion would have brought its box by now. */
function moved({ box, seen, velocity }: Track, time: number): Box {
  const seconds = Math.min(MOTION, time - seen);
  return { ...box, left: box.left + velocity.x * seconds, top: box.top + velocity.y * seconds };
}

function move(track: Track, box: Box, time: number): void {
  const seconds = time - track.seen;
  if (seconds > 0) {
    const [from, to] = [centre(track.box), centre(box)];
    // Half of what is new: a detector's boxes tremble.
    track.velocity = {
      x: (track.velocity.x + (to.x - from.x) / seconds) / 2,
      y: (track.velocity.y + (to.y - from.y) / seconds) / 2,
    };
  }
  track.box = box;
  track.seen = time;
}

const centre = ({ left, top, width, height }: Box) => ({ x: left + width / 2, y: top + height / 2 });
