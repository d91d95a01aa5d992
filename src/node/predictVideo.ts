/** Videos and cameras: from frames to faces that are followed, each with its answer over time. */
import { UaferError } from '../errors.js';
import type { Picture } from '../image/picture.js';
import { createSceneChange } from '../image/sceneChange.js';
import { createFaceFollower, type FollowedFrame, type FollowOptions } from '../predict/followFaces.js';
import type { PredictOptions, Predictor } from '../predict/predictor.js';
import { cameraInput } from '../video/camera.js';
import { latest } from '../video/latest.js';
import { readInput, readVideo, type VideoFrame } from '../video/readFrames.js';
import type { RawPicture } from './rawPicture.js';

export interface VideoOptions extends PredictOptions, FollowOptions {
  /** Takes every N-th frame, from the first on; 1 when left out. */
  every?: number;
  /** Ends it after the frames in hand, as if the video ended there. */
  signal?: AbortSignal;
  /** Told what was wrong with a video of which frames could be read nevertheless, and where. */
  onProblem?(message: string): void;
}

/** A frame, and what it shows. Positions are in pixels of the upright frame. */
export interface VideoFramePrediction extends FollowedFrame {
  /** From 0, counting those that were left out. */
  frame: number;
  /** The frame itself. */
  picture: Picture;
}

type FramePredictor = Pick<Predictor<RawPicture>, 'model' | 'predict' | 'predictMany'>;

/**
 * What a video shows, frame by frame, in their order. Frames are decoded as they are taken, so that memory is bounded however long the video is;
 * leaving the loop ends it. Needs ffmpeg on the PATH.
 *
 * @throws UaferError `IMAGE` for what is no video or holds no frame; `RUNTIME_NOT_FOUND` without ffmpeg; `USAGE` for an option
 *
 * @example
 * for await (const { time, faces } of predictVideo(predictor, 'clip.mp4', { every: 2 })) {
 *   for (const { track, overTime } of faces) console.log(time, track, overTime.expression, overTime.decision);
 * }
 */
export async function* predictVideo(
  predictor: FramePredictor,
  path: string,
  options: VideoOptions = {},
): AsyncGenerator<VideoFramePrediction> {
  const frames = readVideo(path, readOptions(options));
  const follow = follower(predictor, options);
  /** Frames that the predictor has taken and not answered yet: a few. */
  const pending: VideoFrame[] = [];
  const pictures = async function* () {
    for await (const frame of frames) {
      pending.push(frame);
      yield raw(frame);
    }
  };
  for await (const answer of predictor.predictMany(pictures(), options)) {
    if ('error' in answer) throw answer.error;
    yield follow(pending.shift() as VideoFrame, answer.prediction);
  }
}

/**
 * As `predictVideo` of a camera, until it ends. Frames that come while another one is worked on are dropped, but for the newest: nothing lags
 * behind.
 *
 * @param device as ffmpeg knows it (`/dev/video0`; on macOS a number, on Windows a name), or `FORMAT:DEVICE` of another kind of input; the first
 *   camera when left out
 */
export async function* predictCamera(
  predictor: FramePredictor,
  device?: string,
  options: VideoOptions = {},
): AsyncGenerator<VideoFramePrediction> {
  const leaving = new AbortController();
  const signal = options.signal ? AbortSignal.any([options.signal, leaving.signal]) : leaving.signal;
  const name = device === undefined ? 'The camera' : `The camera ${device}`;
  const follow = follower(predictor, options);
  const frames = readInput(name, cameraInput(device), { ...readOptions(options), signal });
  for await (const frame of latest(frames, () => leaving.abort()))
    yield follow(frame, await predictor.predict(raw(frame), options));
}

const raw = ({ picture }: VideoFrame): RawPicture => ({ ...picture, channels: 3 });

function readOptions({ every = 1, signal, onProblem = () => {} }: VideoOptions) {
  if (!Number.isInteger(every) || every < 1)
    throw new UaferError('USAGE', `every: expected a whole number from 1, got ${every}.`);
  return { every, signal, onProblem };
}

function follower({ model }: FramePredictor, options: VideoOptions) {
  const faces = createFaceFollower(model, options);
  const sceneChange = createSceneChange();
  return ({ picture, frame, time }: VideoFrame, prediction: Parameters<typeof faces.add>[0]): VideoFramePrediction => ({
    ...faces.add(prediction, time, sceneChange(picture, time)),
    frame,
    picture,
  });
}
