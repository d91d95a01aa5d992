import { expect, it } from 'vitest';
import { fuseOverTime } from '#uafer/predict/evidenceOverTime.js';
import { createFaceFollower } from '#uafer/predict/followFaces.js';
import type { FacePrediction, Prediction } from '#uafer/predict/predictor.js';
import { testModel } from '../support/testModel.js';

const model = testModel();

function face(left: number, happy: number, uncertainty: number): FacePrediction {
  return {
    box: { left, top: 0, width: 50, height: 50 },
    landmarks: {},
    score: 0.9,
    expression: happy >= 0.5 ? 'happy' : 'sad',
    probabilities: { happy, sad: 1 - happy },
    uncertainty,
    ambiguity: 0.3,
    risk: Math.min(happy, 1 - happy),
    decision: null,
  };
}
const frame = (...faces: FacePrediction[]): Prediction => ({ width: 400, height: 50, faces });

it('each face is fused with its own past alone, in whatever order the faces come', () => {
  const follower = createFaceFollower(model);
  const [a, b, a2, b2] = [face(0, 0.9, 0.3), face(300, 0.2, 0.4), face(4, 0.7, 0.5), face(296, 0.1, 0.2)];
  const first = follower.add(frame(a, b), 1);
  const second = follower.add(frame(b2, a2), 1.2);
  expect(first.faces.map(({ track }) => track)).toEqual([1, 2]);
  expect(second.faces.map(({ track }) => track)).toEqual([2, 1]);
  const fused = (...answers: [number, FacePrediction][]) =>
    fuseOverTime(
      answers.map(([time, answer]) => ({ time, answer })),
      1.2,
      model,
    );
  expect(second.faces.map(({ overTime }) => overTime)).toEqual([fused([1, b], [1.2, b2]), fused([1, a], [1.2, a2])]);
  // What is said of the frame alone stays.
  expect(second.faces[0]).toMatchObject(b2);
});

it('a cut forgets: what a face showed before it says nothing of the one in its place', () => {
  const follower = createFaceFollower(model);
  follower.add(frame(face(0, 0.9, 0.1)), 0);
  const { faces, ended, cut } = follower.add(frame(face(0, 0.2, 0.3)), 0.04, true);
  expect({ ended, cut, track: faces[0]?.track }).toEqual({ ended: [1], cut: true, track: 2 });
  expect(faces[0]?.overTime.probabilities.happy).toBeCloseTo(0.2, 12);
});

it('a frame without a face is an answer too', () => {
  expect(createFaceFollower(model).add(frame(), 3)).toEqual({
    time: 3,
    width: 400,
    height: 50,
    cut: false,
    faces: [],
    ended: [],
  });
});
