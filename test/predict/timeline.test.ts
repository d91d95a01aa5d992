import { describe, expect, it } from 'vitest';
import type { FollowedFace, FollowedFrame } from '#uafer/predict/followFaces.js';
import { createTimeline, mainExpression } from '#uafer/predict/timeline.js';

function face(track: number, expression: string, uncertainty: number): FollowedFace {
  const answer = {
    expression,
    probabilities: { [expression]: 1 },
    uncertainty,
    ambiguity: 0,
    risk: 0,
    decision: 'report',
  } as const;
  return { box: { left: 0, top: 0, width: 1, height: 1 }, landmarks: {}, score: 1, ...answer, track, overTime: answer };
}
const frame = (time: number, ...faces: FollowedFace[]): FollowedFrame => ({
  time,
  width: 9,
  height: 9,
  cut: false,
  faces,
  ended: [],
});

describe('a timeline', () => {
  it('knows of each face when it was seen, what it showed and how uncertain that was', () => {
    const timeline = createTimeline();
    timeline.add(frame(0, face(1, 'happy', 0.2)));
    timeline.add(frame(1, face(1, 'happy', 0.4), face(2, 'sad', 0.5)));
    timeline.add(frame(2, face(2, 'fear', 0.7)));
    const [first, second] = timeline.tracks();
    expect(first).toMatchObject({ track: 1, from: 0, to: 1 });
    expect(first?.whole).toMatchObject({
      frames: 2,
      uncertainty: 0.6000000000000001,
      expressions: { happy: 2 },
      decisions: { report: 2 },
    });
    expect(second?.whole).toMatchObject({ from: 1, to: 2, frames: 2, expressions: { sad: 1, fear: 1 } });
    expect(second?.stretches.map(({ from, expressions }) => [from, expressions])).toEqual([
      [1, { sad: 1 }],
      [2, { fear: 1 }],
    ]);
    expect({ end: timeline.end, others: timeline.others() }).toEqual({ end: 2, others: 0 });
  });

  it('of hours has a bounded number of stretches, which hold all frames', () => {
    const timeline = createTimeline();
    const hours = 3;
    for (let i = 0; i <= hours * 3600; i++) timeline.add(frame(i, face(1, i < 3600 ? 'happy' : 'sad', 0.5)));
    const [{ stretches, whole }] = timeline.tracks() as [ReturnType<typeof timeline.tracks>[number]];
    expect(stretches.length).toBeGreaterThan(256);
    expect(stretches.length).toBeLessThanOrEqual(512);
    expect(stretches.reduce((sum, { frames }) => sum + frames, 0)).toBe(hours * 3600 + 1);
    expect(stretches.reduce((sum, { uncertainty }) => sum + uncertainty, 0)).toBe(whole.uncertainty);
    stretches.forEach(({ from, to }, i) => {
      if (i > 0) expect(from).toBe(stretches[i - 1]?.to);
      expect(to - from).toBe(32);
    });
    expect(whole.expressions).toEqual({ happy: 3600, sad: hours * 3600 + 1 - 3600 });
  });

  it('keeps the faces that were seen longest, and counts the others', () => {
    const timeline = createTimeline();
    for (let i = 0; i < 1000; i++) timeline.add(frame(i, face(1, 'happy', 0.5), face(2 + i, 'sad', 0.5)));
    const tracks = timeline.tracks().map(({ track }) => track);
    expect(tracks).toContain(1);
    expect(tracks).toContain(1001);
    expect(tracks).toHaveLength(128);
    expect(timeline.others()).toBe(1001 - 128);
  });

  it('says which expression was shown most, of equal ones the first', () => {
    expect(mainExpression({ expressions: { sad: 2, happy: 3 } })).toBe('happy');
    expect(mainExpression({ expressions: { sad: 2, happy: 2 } })).toBe('sad');
  });
});
