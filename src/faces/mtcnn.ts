/**
 * MTCNN: Zhang, Zhang, Li, Qiao, "Joint Face Detection and Alignment using Multitask Cascaded Convolutional Networks", IEEE Signal
 * Processing Letters 2016. Three networks look at ever fewer candidates ever closer: the proposal network at a pyramid of the whole
 * picture, the refinement and the output network at crops of 24 and 48 pixels.
 *
 * The numbers are those of facenet-pytorch's `MTCNN.detect` on the same weights, its rules of rounding, cropping and suppression
 * included; positions too are as it gives them, without a correction for the networks' pixels being counted from 1.
 */

import { UaferError } from '../errors.js';
import { areaResize, whole } from '../image/areaResize.js';
import type { Picture } from '../image/picture.js';
import type { Region } from '../image/region.js';
import type { Network, NetworkOutputs } from '../onnx/network.js';
import { byScore, type ScoredBox, suppressNonMaxima } from './boxes.js';
import { inTurn } from './inTurn.js';
import { createScratch, type Scratch } from './scratch.js';
import type { Detector, Face, Landmarks } from './types.js';

export interface MtcnnOptions {
  /** Side of the smallest face to look for, in pixels. Twice as large is four times as fast. */
  minFaceSize: number;
  /** Each level of the pyramid is so much smaller than the one before, in (0, 1). */
  factor: number;
  /** Probability of a face, in [0, 1], over which a candidate passes the proposal, refinement and output network. */
  thresholds: readonly [number, number, number];
  /**
   * Overlap over which the less probable of two candidates goes: within one level of the pyramid, among all levels, after
   * refinement (intersection over union), after output (over the smaller one).
   */
  overlaps: readonly [number, number, number, number];
  /** Crops that go through a network at once: bounds memory. */
  batchSize: number;
}

/** The paper's thresholds and pyramid, as facenet-pytorch has them. */
const MTCNN_DEFAULTS: MtcnnOptions = {
  minFaceSize: 20,
  factor: 0.709,
  thresholds: [0.6, 0.7, 0.7],
  overlaps: [0.5, 0.7, 0.7, 0.7],
  batchSize: 64,
};

export interface MtcnnNetworks {
  proposal: Network;
  refinement: Network;
  output: Network;
}

/** Pixels of the picture that the proposal network sees at once, and the distance of its cells, in pixels of the pyramid's level. */
const CELL = 12;
const CELL_STRIDE = 2;
const REFINEMENT_SIDE = 24;
const OUTPUT_SIDE = 48;
const CHANNELS = 3;
/** Of a strip of the pyramid: about so many pixels, but not fewer rows of cells, which would mean much overlap. */
const STRIP_PIXELS = 60_000;
const MIN_STRIP_ROWS = 16;

// The original computes in single precision. A coordinate that is rounded otherwise here could be cut to another whole pixel.
const f32 = Math.fround;

/** Offsets of a box's edges, in shares of its size. */
interface Regression {
  left: number;
  top: number;
  right: number;
  bottom: number;
}

interface Proposal extends ScoredBox {
  regression: Regression;
}

interface FoundFace extends ScoredBox {
  landmarks: Landmarks;
}

/**
 * @returns a detector of faces with eyes, nose and corners of the mouth.
 * @throws UaferError `USAGE` for an option out of its range.
 */
export function createMtcnn(networks: MtcnnNetworks, options: Partial<MtcnnOptions> = {}): Detector {
  const settings = { ...MTCNN_DEFAULTS, ...options };
  checkOptions(settings);
  const scratch = createScratch();
  return {
    name: 'mtcnn',
    detect: inTurn((picture: Picture) => detect(networks, settings, picture, scratch)),
    async close() {
      await Promise.all(Object.values<Network>({ ...networks }).map((network) => network.close()));
    },
  };
}

function checkOptions({ minFaceSize, factor, thresholds, overlaps, batchSize }: MtcnnOptions): void {
  const share = (value: number) => value >= 0 && value <= 1;
  expect(minFaceSize >= 1, 'minFaceSize', 'pixels, at least 1', minFaceSize);
  expect(factor > 0 && factor < 1, 'factor', 'more than 0 and less than 1', factor);
  expect(thresholds.every(share), 'thresholds', 'probabilities from 0 to 1', thresholds.join(', '));
  expect(overlaps.every(share), 'overlaps', 'from 0 to 1', overlaps.join(', '));
  expect(Number.isInteger(batchSize) && batchSize >= 1, 'batchSize', 'a whole number, at least 1', batchSize);
}

function expect(condition: boolean, option: keyof MtcnnOptions, what: string, value: number | string): void {
  if (!condition) throw new UaferError('USAGE', `MTCNN's option ${option}: expected ${what}; got ${value}`);
}

async function detect(networks: MtcnnNetworks, options: MtcnnOptions, picture: Picture, scratch: Scratch): Promise<Face[]> {
  const proposals = await propose(networks.proposal, options, picture, scratch);
  const refined = await refine(networks.refinement, options, picture, proposals, scratch);
  const found = await finish(networks.output, options, picture, refined, scratch);
  return byScore(found).map(({ left, top, right, bottom, score, landmarks }) => ({
    box: { left, top, width: right - left, height: bottom - top },
    landmarks,
    score,
  }));
}

/** Scales of the pyramid: the smallest face is a cell large in the first level, the shorter side in the last. */
export function pyramidScales(width: number, height: number, minFaceSize: number, factor: number): number[] {
  const scales: number[] = [];
  let scale = CELL / minFaceSize;
  for (let shorter = Math.min(width, height) * scale; shorter >= CELL; shorter *= factor) {
    scales.push(scale);
    scale *= factor;
  }
  return scales;
}

async function propose(network: Network, options: MtcnnOptions, picture: Picture, scratch: Scratch): Promise<ScoredBox[]> {
  const { minFaceSize, factor, thresholds, overlaps } = options;
  const proposals: Proposal[] = [];
  for (const scale of pyramidScales(picture.width, picture.height, minFaceSize, factor)) {
    const level = await levelCells(network, picture, scale, thresholds[0], scratch);
    proposals.push(...suppressNonMaxima(level, overlaps[0], 'union'));
  }
  return suppressNonMaxima(proposals, overlaps[1], 'union').map(regressProposal);
}

/**
 * The cells of one level of the pyramid whose probability reaches the threshold. The level goes through the network in strips of whole
 * rows of cells, which overlap as far as cells reach: what the network works with then stays in the processor's cache, and a photo's
 * size doesn't decide how much memory it takes.
 */
async function levelCells(
  network: Network,
  picture: Picture,
  scale: number,
  threshold: number,
  scratch: Scratch,
): Promise<Proposal[]> {
  const region = { left: 0, top: 0, right: picture.width, bottom: picture.height };
  const width = Math.trunc(picture.width * scale + 1);
  const height = Math.trunc(picture.height * scale + 1);
  // The pooling of the last two rows may reach beyond the level.
  const cellRows = Math.ceil((height - CELL) / CELL_STRIDE) + 1;
  const rowsAtOnce = Math.max(MIN_STRIP_ROWS, Math.floor(STRIP_PIXELS / width / CELL_STRIDE));
  const found: Proposal[] = [];
  for (let row = 0; row < cellRows; row += rowsAtOnce) {
    const firstRow = row * CELL_STRIDE;
    const isLast = row + rowsAtOnce >= cellRows;
    const endRow = isLast ? height : (row + rowsAtOnce - 1) * CELL_STRIDE + CELL;
    const pixels = floats(scratch, 'strip', CHANNELS * width * (endRow - firstRow));
    areaResize(picture, region, { width, height, firstRow, endRow }, pixels, 0);
    const outputs = await network.run(pixels, [1, CHANNELS, endRow - firstRow, width]);
    const [score, box] = [outputs('score'), outputs('box')];
    found.push(...cells(score.data, box.data, score.shape.at(-1) ?? 0, row, scale, threshold));
  }
  return found;
}

/** The cells of a strip, which begins at a row of cells, whose probability reaches the threshold; as boxes of the picture. */
function cells(
  scores: Float32Array,
  boxes: Float32Array,
  columns: number,
  firstRow: number,
  scale: number,
  threshold: number,
): Proposal[] {
  const found: Proposal[] = [];
  const least = f32(threshold);
  const divisor = f32(scale);
  const edge = (cell: number, offset: number) => Math.floor(f32((CELL_STRIDE * cell + offset) / divisor));
  for (let i = 0; i < scores.length; i++) {
    const score = scores[i] as number;
    if (score < least) continue;
    const [x, y] = [i % columns, firstRow + Math.floor(i / columns)];
    found.push({
      left: edge(x, 1),
      top: edge(y, 1),
      right: edge(x, CELL),
      bottom: edge(y, CELL),
      score,
      regression: regressionAt(boxes, i, scores.length),
    });
  }
  return found;
}

/** Four offsets that lie `stride` apart. */
function regressionAt(values: Float32Array, at: number, stride: number): Regression {
  const offset = (i: number) => values[at + i * stride] as number;
  return { left: offset(0), top: offset(1), right: offset(2), bottom: offset(3) };
}

function regressProposal({ regression, ...box }: Proposal): ScoredBox {
  return regress(box, regression, f32(box.right - box.left), f32(box.bottom - box.top));
}

/** After the proposals a box counts its last pixel. */
function regressCrop(box: ScoredBox, regression: Regression): ScoredBox {
  return regress(box, regression, f32(f32(box.right - box.left) + 1), f32(f32(box.bottom - box.top) + 1));
}

function regress(box: ScoredBox, offsets: Regression, width: number, height: number): ScoredBox {
  return {
    left: f32(box.left + f32(offsets.left * width)),
    top: f32(box.top + f32(offsets.top * height)),
    right: f32(box.right + f32(offsets.right * width)),
    bottom: f32(box.bottom + f32(offsets.bottom * height)),
    score: box.score,
  };
}

/** The square of the longer side about the same centre. */
export function squareBox({ left, top, right, bottom, score }: ScoredBox): ScoredBox {
  const width = f32(right - left);
  const height = f32(bottom - top);
  const side = Math.max(width, height);
  const squareLeft = f32(f32(left + f32(width * 0.5)) - f32(side * 0.5));
  const squareTop = f32(f32(top + f32(height * 0.5)) - f32(side * 0.5));
  return { left: squareLeft, top: squareTop, right: f32(squareLeft + side), bottom: f32(squareTop + side), score };
}

/** Refined boxes that are probable enough. */
async function refine(
  network: Network,
  options: MtcnnOptions,
  picture: Picture,
  proposals: ScoredBox[],
  scratch: Scratch,
): Promise<ScoredBox[]> {
  const refined: Proposal[] = [];
  const least = f32(options.thresholds[1]);
  for await (const { box, outputs, index } of crops(
    network,
    options,
    picture,
    proposals.map(squareBox),
    REFINEMENT_SIDE,
    scratch,
  )) {
    const score = outputs('score').data[index] as number;
    if (score > least) refined.push({ ...box, score, regression: regressionAt(outputs('box').data, index * 4, 1) });
  }
  return suppressNonMaxima(refined, options.overlaps[2], 'union').map(({ regression, ...box }) => regressCrop(box, regression));
}

/** Faces, their boxes refined once more, with landmarks. */
async function finish(
  network: Network,
  options: MtcnnOptions,
  picture: Picture,
  refined: ScoredBox[],
  scratch: Scratch,
): Promise<FoundFace[]> {
  const found: FoundFace[] = [];
  const least = f32(options.thresholds[2]);
  for await (const { box, outputs, index } of crops(network, options, picture, refined.map(squareBox), OUTPUT_SIDE, scratch)) {
    const score = outputs('score').data[index] as number;
    if (score <= least) continue;
    const regression = regressionAt(outputs('box').data, index * 4, 1);
    const landmarks = landmarksIn(box, outputs('landmarks').data, index * 10);
    found.push({ ...regressCrop(box, regression), score, landmarks });
  }
  return suppressNonMaxima(found, options.overlaps[3], 'smaller');
}

/** Five x, then five y, in shares of the box, its last pixel counted; to pixels of the picture. */
function landmarksIn(box: ScoredBox, values: Float32Array, at: number): Landmarks {
  const width = f32(f32(box.right - box.left) + 1);
  const height = f32(f32(box.bottom - box.top) + 1);
  const point = (i: number) => ({
    x: f32(f32(f32(width * (values[at + i] as number)) + box.left) - 1),
    y: f32(f32(f32(height * (values[at + 5 + i] as number)) + box.top) - 1),
  });
  return { leftEye: point(0), rightEye: point(1), nose: point(2), mouthLeft: point(3), mouthRight: point(4) };
}

interface CropResult {
  box: ScoredBox;
  outputs: NetworkOutputs;
  /** Which of the outputs is the box's. */
  index: number;
}

/** Cuts boxes out of the picture, resized to side x side, and runs a network on them, a batch after the other. */
async function* crops(
  network: Network,
  { batchSize }: MtcnnOptions,
  picture: Picture,
  boxes: ScoredBox[],
  side: number,
  scratch: Scratch,
): AsyncGenerator<CropResult> {
  const visible = boxes.flatMap((box) => {
    const region = visiblePart(box, picture);
    return region === null ? [] : [{ box, region }];
  });
  const size = CHANNELS * side * side;
  for (let start = 0; start < visible.length; start += batchSize) {
    const batch = visible.slice(start, start + batchSize);
    const pixels = floats(scratch, 'crops', batch.length * size);
    batch.forEach(({ region }, i) => {
      areaResize(picture, region, whole(side, side), pixels, i * size);
    });
    const outputs = await network.run(pixels, [batch.length, CHANNELS, side, side]);
    for (const [index, { box }] of batch.entries()) yield { box, outputs, index };
  }
}

/** The whole pixels of a box that lie in the picture, counted from 1 as the networks learned them; null when there are none. */
function visiblePart(box: ScoredBox, { width, height }: Picture): Region | null {
  const region = {
    left: Math.max(Math.trunc(box.left), 1) - 1,
    top: Math.max(Math.trunc(box.top), 1) - 1,
    right: Math.min(Math.trunc(box.right), width),
    bottom: Math.min(Math.trunc(box.bottom), height),
  };
  return region.right > region.left && region.bottom > region.top ? region : null;
}

function floats(scratch: Scratch, name: string, length: number): Float32Array {
  return new Float32Array(scratch.take(name, length * Float32Array.BYTES_PER_ELEMENT), 0, length);
}
