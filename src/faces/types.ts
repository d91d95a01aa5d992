/** What detectors find and alignment takes. Positions are in pixels of the picture: (0, 0) is the top left corner of its first pixel. */
import type { Picture } from '../image/picture.js';

export interface Point {
  x: number;
  y: number;
}

export interface Box {
  left: number;
  top: number;
  width: number;
  height: number;
}

/** As they stand in the picture: `leftEye` is the one with the smaller x of an upright face. */
export type LandmarkName = 'leftEye' | 'rightEye' | 'nose' | 'mouthLeft' | 'mouthRight' | 'mouth' | 'leftEar' | 'rightEar';

/** MTCNN gives eyes, nose and the corners of the mouth; BlazeFace eyes, nose, the middle of the mouth and ears. */
export type Landmarks = Readonly<Partial<Record<LandmarkName, Point>>>;

export interface Face {
  /** May reach beyond the picture. */
  box: Box;
  landmarks: Landmarks;
  /** Confidence, in [0, 1]. */
  score: number;
}

export type DetectorName = 'mtcnn' | 'blazeface';

export interface Detector {
  readonly name: DetectorName;
  /** Every face over the detector's thresholds, the most confident first. The same for a picture alone or among others. */
  detect(picture: Picture): Promise<Face[]>;
  /** Frees the networks. */
  close(): Promise<void>;
}
