/** From the predictions of single frames to faces that are followed, each with its answer over time. The same in Node.js and in browsers. */
import { createTracker, type TrackerOptions } from '../faces/tracks.js';
import type { Answer } from './answer.js';
import { createEvidenceWindow, type EvidenceWindow, type WindowOptions } from './evidenceOverTime.js';
import type { ModelFile } from './modelFile.js';
import type { FacePrediction, Prediction } from './predictor.js';

/** A face of a frame. What stands beside `overTime` is said of this frame alone. */
export interface FollowedFace extends FacePrediction {
  /** The number of the face from frame to frame, from 1. It is not an identity: a face that comes back gets another one. */
  track: number;
  /** What the face shows, by this frame and those before it (`fuseOverTime`). */
  overTime: Answer;
}

export interface FollowedFrame {
  /** In seconds. */
  time: number;
  width: number;
  height: number;
  /** Whether another scene begins with this frame. */
  cut: boolean;
  /** The most confident first. */
  faces: FollowedFace[];
  /** Tracks that are over: their numbers don't come again. */
  ended: number[];
}

export interface FollowOptions extends TrackerOptions, WindowOptions {}

export interface FaceFollower {
  /**
   * @param time in seconds; ascends from frame to frame
   * @param cut whether another scene begins with this frame (`createSceneChange`)
   */
  add(prediction: Prediction, time: number, cut?: boolean): FollowedFrame;
}

/** Follows the faces of one clip or camera. Memory is bounded by the faces in sight and by the window. */
export function createFaceFollower(
  model: Pick<ModelFile, 'classes' | 'calibration'>,
  options: FollowOptions = {},
): FaceFollower {
  const tracker = createTracker(options);
  const windows = new Map<number, EvidenceWindow>();
  return {
    add({ width, height, faces }, time, cut = false) {
      const { tracks, ended } = tracker.follow(
        faces.map(({ box }) => box),
        time,
        cut,
      );
      for (const track of ended) windows.delete(track);
      const followed = faces.map((face, i) => {
        const track = tracks[i] as number;
        const window = windows.get(track) ?? createEvidenceWindow(model, options);
        windows.set(track, window);
        return { ...face, track, overTime: window.add(time, face) };
      });
      return { time, width, height, cut, faces: followed, ended };
    },
  };
}
