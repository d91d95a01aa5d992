/** What the page knows, and who wants to hear of it. */
import type { FollowedFace } from '#uafer/predict/followFaces.js';
import type { Prediction } from '#uafer/predict/predictor.js';
import type { ModelSummary } from './messages';
import type { Moment } from './moments';

export interface PictureEntry {
  id: number;
  name: string;
  file: Blob;
  /** Of the file, for the page to show. */
  url: string;
  example: boolean;
  answer: { prediction: Prediction; crops: string[]; thumbnail: string } | null;
  error: string | null;
}

export interface Live {
  kind: 'camera' | 'video';
  name: string;
  width: number;
  height: number;
  faces: FollowedFace[];
  /** The track that is shown. */
  track: number | null;
  /** Each face as the model sees it, until the next frame. */
  crops: ImageBitmap[];
  moments: readonly Moment[];
  /** Seconds, in the clip. */
  time: number;
  /** Frames looked at, and those that came while one was under way. */
  seen: number;
  dropped: number;
  /** Looked at in the last second. */
  rate: number;
  ended: boolean;
}

export interface State {
  loading: { done: number; total: number } | null;
  model: ModelSummary | null;
  /** What the person's own model is called; null of the built-in one. */
  ownModel: string | null;
  backend: string;
  detector: 'blazeface' | 'mtcnn';
  /** What went wrong, in a sentence. */
  problem: string | null;
  pictures: PictureEntry[];
  shown: number | null;
  face: number;
  /** The expression whose patches are shown. */
  expression: string | null;
  /** The same while the pointer is over it. */
  pointed: string | null;
  /** As small and grey as the model sees it. */
  asSeen: boolean;
  /** The largest risk that is reported; null is the model's own. */
  risk: number | null;
  live: Live | null;
  dragging: boolean;
  offline: { build: string; newer: boolean } | null;
  /** For screen readers. */
  said: string;
}

let state: State = {
  loading: { done: 0, total: 0 },
  model: null,
  ownModel: null,
  backend: '',
  detector: 'blazeface',
  problem: null,
  pictures: [],
  shown: null,
  face: 0,
  expression: null,
  pointed: null,
  asSeen: false,
  risk: null,
  live: null,
  dragging: false,
  offline: null,
  said: '',
};
let listener: () => void = () => {};

export const current = (): State => state;

export function update(change: Partial<State>): void {
  state = { ...state, ...change };
  listener();
}

/** @param hear called after each change; there is one page to draw */
export function onChange(hear: () => void): void {
  listener = hear;
}

export function shownPicture({ pictures, shown }: State): PictureEntry | null {
  return pictures.find(({ id }) => id === shown) ?? null;
}
