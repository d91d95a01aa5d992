import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createTracker } from '#uafer/faces/tracks.js';
import type { Box } from '#uafer/faces/types.js';

const box = (left: number, top = 0, size = 100): Box => ({ left, top, width: size, height: size });

/** The tracks of frames of a film of 25 a second. */
function followed(frames: readonly (readonly Box[])[], { gap = 1, cuts = [] as number[], every = 1 } = {}): number[][] {
  const tracker = createTracker({ gap });
  return frames.map((boxes, i) => tracker.follow(boxes, (i * every) / 25, cuts.includes(i)).tracks);
}

describe('a tracker', () => {
  it('gives every face of the first frame a number, and keeps it while the face moves', () => {
    const frames = Array.from({ length: 50 }, (_, i) => [box(10 * i), box(600 - 2 * i, 300, 60)]);
    for (const tracks of followed(frames)) expect(tracks).toEqual([1, 2]);
  });

  it('keeps numbers whatever the order of the faces', () => {
    const frames = Array.from({ length: 10 }, (_, i) => (i % 2 ? [box(300 + i), box(i)] : [box(i), box(300 + i)]));
    expect(followed(frames).map(([first]) => first)).toEqual([1, 2, 1, 2, 1, 2, 1, 2, 1, 2]);
  });

  it('keeps two faces that pass each other apart by their motion', () => {
    // Both 100 wide; they meet in the middle at different heights, so that they overlap by a quarter.
    const frames = Array.from({ length: 41 }, (_, i) => [box(20 * i, 0), box(800 - 20 * i, 60)]);
    for (const tracks of followed(frames)) expect(tracks).toEqual([1, 2]);
  });

  it('follows a face that moves by more than its size from frame to frame', () => {
    const frames = Array.from({ length: 10 }, (_, i) => [box(110 * i)]);
    expect(followed(frames).flat()).toEqual(Array(10).fill(1));
  });

  it('does not take a face at another end of the picture, or of another size, for the same', () => {
    expect(followed([[box(0)], [box(800)]])).toEqual([[1], [2]]);
    expect(followed([[box(0)], [box(0, 0, 20)]])).toEqual([[1], [2]]);
  });

  it('bridges a gap, and no longer one', () => {
    const gone = (frames: number) => [[box(0)], ...Array.from({ length: frames }, () => []), [box(4)]];
    expect(followed(gone(20)).flat()).toEqual([1, 1]);
    expect(followed(gone(30)).flat()).toEqual([1, 2]);
    expect(followed(gone(30), { gap: 2 }).flat()).toEqual([1, 1]);
  });

  it('counts the gap in seconds, not in frames', () => {
    expect(followed([[box(0)], [], [box(0)]], { every: 10 }).flat()).toEqual([1, 1]);
    expect(followed([[box(0)], [], [box(0)]], { every: 20 }).flat()).toEqual([1, 2]);
  });

  it('follows from one frame to the next whatever time lies between', () => {
    expect(followed([[box(0)], [box(10)], [box(20)]], { every: 500 }).flat()).toEqual([1, 1, 1]);
  });

  it('begins anew after a cut, also for a face in the same place', () => {
    expect(followed([[box(0)], [box(0)], [box(0)]], { cuts: [2] }).flat()).toEqual([1, 1, 2]);
  });

  it('tells which tracks are over, each once', () => {
    const tracker = createTracker({ gap: 0.5 });
    const ended = [[box(0), box(500)], [box(0)], [box(0)], [box(0)]].map(
      (boxes, i) => tracker.follow(boxes, 0.3 * i, i === 3).ended,
    );
    expect(ended).toEqual([[], [], [2], [1]]);
  });

  it('gives each box of a frame a number of its own, and never one that has ended', () => {
    const boxes = fc.array(
      fc.record({
        left: fc.integer({ min: 0, max: 400 }),
        top: fc.integer({ min: 0, max: 400 }),
        width: fc.integer({ min: 1, max: 200 }),
        height: fc.integer({ min: 1, max: 200 }),
      }),
      { maxLength: 8 },
    );
    fc.assert(
      fc.property(fc.array(fc.tuple(boxes, fc.boolean()), { maxLength: 12 }), (frames) => {
        const tracker = createTracker({ gap: 0.3 });
        const over = new Set<number>();
        frames.forEach(([found, cut], i) => {
          const { tracks, ended } = tracker.follow(found, i / 5, cut);
          for (const track of ended) over.add(track);
          expect(tracks).toHaveLength(found.length);
          expect(new Set(tracks).size).toBe(found.length);
          expect(tracks.filter((track) => over.has(track))).toEqual([]);
        });
      }),
    );
  });

  it('forgets the faces that have not been seen for longest where there are too many', () => {
    const tracker = createTracker({ gap: 1e9 });
    let ended = 0;
    for (let i = 0; i < 3000; i++) ended += tracker.follow([box(i * 1000, 0, 10)], i).ended.length;
    expect(ended).toBe(3000 - 1024);
  });

  it('refuses a gap that is none', () => {
    expect(() => createTracker({ gap: -1 })).toThrow(/gap: expected seconds from 0/);
  });
});
