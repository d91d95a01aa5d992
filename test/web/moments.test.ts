import { describe, expect, it } from 'vitest';
import type { FollowedFace } from '#uafer/predict/followFaces.js';
import { isKnown, momentsTable, recalled, withFrame } from '../../web/src/moments.js';

const answer = (expression: string) => ({
  expression,
  probabilities: { happy: 0.75, sad: 0.25 },
  uncertainty: 0.5,
  ambiguity: 0.25,
  risk: 0.25,
  decision: 'report' as const,
});

function face(track: number, left: number, expression = 'happy'): FollowedFace {
  const box = { left, top: 0, width: 10, height: 10 };
  return { ...answer(expression), box, landmarks: {}, score: 1, track, overTime: answer(expression) };
}

describe('what was seen of the faces of a clip', () => {
  it('is kept for as long as there is room, the latest longest', () => {
    let moments = withFrame([], [face(1, 0)], 0);
    for (let time = 1; time <= 10_500; time++) moments = withFrame(moments, [face(1, 0)], time);
    expect(moments).toHaveLength(10_000);
    expect(moments[0]?.time).toBe(501);
    expect(moments.at(-1)?.time).toBe(10_500);
  });

  it('is remembered when a video is looked at again: by its time and place, whatever the number is now', () => {
    const moments = withFrame(withFrame([], [face(1, 0, 'sad'), face(2, 50)], 1), [face(1, 5), face(2, 50)], 2);
    expect([0, 1, 2, 2.1].map((time) => isKnown(moments, time))).toEqual([true, true, true, false]);
    expect(isKnown([], 0)).toBe(false);
    const seen = recalled(moments, [face(7, 51), face(8, 1), face(9, 200)], 1.1);
    expect(seen.map(({ track, overTime }) => [track, overTime.expression])).toEqual([
      [2, 'happy'],
      [1, 'sad'],
      [9, 'happy'],
    ]);
    // Nothing was seen near that time.
    expect(recalled(moments, [face(7, 51)], 1.5).map(({ track }) => track)).toEqual([7]);
  });

  it('becomes a table, a row a face and frame', () => {
    expect(momentsTable(withFrame([], [face(3, 0)], 1.25), ['happy', 'sad, or so'])).toBe(
      'time,face,expression,probability,uncertainty,ambiguity,decision,p(happy),"p(sad, or so)"\n' +
        '1.250,3,happy,0.75,0.5,0.25,report,0.75,0\n',
    );
  });
});
