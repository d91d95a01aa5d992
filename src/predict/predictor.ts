/** The predictor: one core for Node.js and browsers. It knows neither files nor decoders; the entries hand them in. */
import { layersOf } from '../calibration/density.js';
import { UaferError } from '../errors.js';
import { alignFace } from '../faces/alignFace.js';
import { inTurn } from '../faces/inTurn.js';
import { type Selection, selectFaces } from '../faces/select.js';
import type { Box, Detector, Face, Landmarks } from '../faces/types.js';
import { type Heatmap, heatmapAt } from '../image/heatmap.js';
import type { Picture } from '../image/picture.js';
import { toSquare } from '../image/preprocess.js';
import type { Network, NetworkOutputs } from '../onnx/network.js';
import { type Answer, answerOf, rawAnswerAt } from './answer.js';
import { layerOutput, type ModelFile } from './modelFile.js';

export interface PredictOptions {
  /** Which of several faces: all (the default), the largest, or the one nearest to the middle. */
  faces?: Selection;
  /** The picture is a face already, upright and cut out as in training: no detection. */
  aligned?: boolean;
  /** Uncertainty, in [0, 1], above which the decision is to reject, in place of the model's own threshold. */
  abstain?: number;
  /** Adds what each patch of the face says for each class. */
  heatmap?: boolean;
  /** A picture with more faces is an error of the code `LIMIT` instead of an answer: what one picture may cost. */
  mostFaces?: number;
}

/** A picture among others that are predicted together, with what is asked of it. */
export interface PredictionRequest<Input> extends PredictOptions {
  input: Input;
}

/** A face and what the model says of it. Positions are in pixels of the upright picture. */
export interface FacePrediction extends Answer {
  box: Box;
  landmarks: Landmarks;
  /** The detector's confidence, in [0, 1]; 1 for a picture that is a face already. */
  score: number;
  heatmap?: Heatmap;
}

/** What a picture shows. No face is an answer too. */
export interface Prediction {
  /** Of the upright picture, in pixels. */
  width: number;
  height: number;
  /** The most confident first. */
  faces: FacePrediction[];
}

/** One of many: its place among the inputs, and its prediction or why there is none. */
export type ManyPrediction = { index: number } & ({ prediction: Prediction } | { error: UaferError });

export interface Predictor<Input> extends AsyncDisposable {
  readonly model: ModelFile;
  /** What it runs on, in words: `onnxruntime-node 1.17.0 (native)`, `WebAssembly, 4 threads`. */
  readonly backend: string;
  /** Throws `IMAGE` for what cannot be decoded, `LIMIT`, `USAGE` once it is closed. Calls may overlap. */
  predict(input: Input, options?: PredictOptions): Promise<Prediction>;
  /**
   * Predictions of pictures that are asked for with different options, in their order; their faces go through the network together. In place of
   * a picture that cannot be read, or has too many faces, its error stands. All are in memory at once: for batches, of a service for example.
   */
  predictTogether(requests: readonly PredictionRequest<Input>[]): Promise<(Prediction | UaferError)[]>;
  /**
   * Predictions in the order of the inputs, which are taken as they are needed: memory stays bounded however many there are. Faces of
   * several pictures go through the network together. A picture that cannot be read is an entry with its error.
   */
  predictMany(inputs: Iterable<Input> | AsyncIterable<Input>, options?: PredictOptions): AsyncGenerator<ManyPrediction>;
  /** Frees the networks, after what is under way. */
  close(): Promise<void>;
}

/** What an entry brings. */
export interface PredictorParts<Input> {
  model: ModelFile;
  network: Network;
  /** Loaded with the first picture that isn't aligned. */
  detector(): Promise<Detector>;
  /** A picture's pixels, upright unless `stored` asks for the rows as they are stored. */
  decode(input: Input, options: { stored: boolean }): Promise<Picture>;
  backend: string;
}

/** Faces that go through the network at once: bounds memory. */
const BATCH = 32;
/** Pictures that are decoded and searched for faces ahead of the one that is waited for. */
const AHEAD = 8;
const CHANNELS = 3;

/** A face that is ready for the network: S x S RGB bytes. */
interface Ready {
  face: Face;
  pixels: Uint8Array;
}

interface ReadyPicture {
  width: number;
  height: number;
  faces: Ready[];
  options: PredictOptions;
}

/** A picture before it is known what is asked of it. */
type FoundPicture = Omit<ReadyPicture, 'options'>;

export function createPredictorFrom<Input>(parts: PredictorParts<Input>): Predictor<Input> {
  const { model, network, decode } = parts;
  checkOutputs(network, model);
  let detector: Promise<Detector> | undefined;
  let closing: Promise<void> | undefined;
  const underWay = new Set<Promise<unknown>>();
  const run = inTurn((faces: readonly Ready[]) => runNetwork(network, model, faces));

  const prepare = async (input: Input, options: PredictOptions): Promise<ReadyPicture> => {
    const picture = await decode(input, { stored: options.aligned ?? false });
    if (options.aligned) return { ...alreadyAligned(picture, model), options };
    detector ??= parts.detector();
    return { ...(await findFaces(picture, await detector, model, options)), options };
  };
  const answers = async (pictures: readonly ReadyPicture[]): Promise<Prediction[]> => {
    const faces = pictures.flatMap((picture) => picture.faces.map((face) => ({ ...face, options: picture.options })));
    const found: FacePrediction[] = [];
    for (let from = 0; from < faces.length; from += BATCH) {
      const batch = faces.slice(from, from + BATCH);
      const outputs = await run(batch);
      found.push(...batch.map(({ face, options }, i) => facePrediction(face, outputs, i, model, options)));
    }
    return pictures.map(({ width, height, faces: own }) => ({ width, height, faces: found.splice(0, own.length) }));
  };
  /** The predictions of what is ready, and the errors, in their order. */
  const answersAround = async (group: readonly (ReadyPicture | UaferError)[]): Promise<(Prediction | UaferError)[]> => {
    const made = await answers(group.filter((each) => !(each instanceof UaferError)) as ReadyPicture[]);
    return group.map((each) => (each instanceof UaferError ? each : (made.shift() as Prediction)));
  };
  /** Work that `close` waits for. */
  const tracked = <T>(work: () => Promise<T>): Promise<T> => {
    if (closing) return Promise.reject(new UaferError('USAGE', 'The predictor is closed: create another one.'));
    const promise = work();
    underWay.add(promise);
    const done = () => void underWay.delete(promise);
    promise.then(done, done);
    return promise;
  };
  const close = () => {
    closing ??= Promise.allSettled(underWay).then(async () => {
      await network.close();
      await (await detector?.catch(() => undefined))?.close();
    });
    return closing;
  };
  return {
    model,
    backend: parts.backend,
    predict: (input, options = {}) =>
      tracked(async () => {
        checkOptions(options);
        return (await answers([await prepare(input, options)]))[0] as Prediction;
      }),
    predictTogether: (requests) =>
      tracked(async () => {
        for (const options of requests) checkOptions(options);
        return answersAround(
          await Promise.all(requests.map(({ input, ...options }) => prepare(input, options).catch(pictureError))),
        );
      }),
    async *predictMany(inputs, options = {}) {
      checkOptions(options);
      let index = 0;
      for await (const group of grouped(inputs, (input) => tracked(() => prepare(input, options)))) {
        for (const each of await tracked(() => answersAround(group))) {
          if (each instanceof UaferError) yield { index: index++, error: each };
          else yield { index: index++, prediction: each };
        }
      }
    },
    close,
    [Symbol.asyncDispose]: close,
  };
}

function checkOutputs(network: Network, { answer, calibration }: ModelFile): void {
  const density = calibration?.density ? ['feature', ...layersOf(calibration.density).map(layerOutput)] : [];
  const wanted = ['logits', 'affinities', ...(answer.kind === 'evidence' ? ['evidence'] : []), ...density];
  const missing = wanted.filter((name) => !network.outputs.includes(name));
  if (missing.length === 0) return;
  throw new UaferError(
    'DATA',
    `The network is not the one of its model.json: it lacks the output ${missing.join(', ')} and has ${network.outputs.join(', ')}.`,
  );
}

function checkOptions({ abstain, mostFaces }: PredictOptions): void {
  if (mostFaces !== undefined && !(Number.isInteger(mostFaces) && mostFaces > 0))
    throw new UaferError('USAGE', `mostFaces: expected a whole number of at least 1, got ${mostFaces}.`);
  if (abstain === undefined || (abstain >= 0 && abstain <= 1)) return;
  throw new UaferError('USAGE', `abstain: expected an uncertainty from 0 to 1, got ${abstain}.`);
}

/** The picture itself as the only face, brought to the model's size as in evaluation; of an oblong one the middle. */
function alreadyAligned(picture: Picture, { preprocessing }: ModelFile): FoundPicture {
  const { width, height } = picture;
  // The network makes it grey, where it shall be.
  const pixels = toSquare(picture, { ...preprocessing, colour: 'rgb', centerCrop: true }, 'the picture');
  return { width, height, faces: [{ face: { box: { left: 0, top: 0, width, height }, landmarks: {}, score: 1 }, pixels }] };
}

async function findFaces(
  picture: Picture,
  detector: Detector,
  { preprocessing }: ModelFile,
  { faces: selection = 'all', mostFaces = Number.POSITIVE_INFINITY }: PredictOptions,
): Promise<FoundPicture> {
  const { width, height } = picture;
  const chosen = selectFaces(await detector.detect(picture), selection, picture);
  if (chosen.length > mostFaces)
    throw new UaferError('LIMIT', `The picture shows ${chosen.length} faces, and ${mostFaces} are the most.`);
  const faces = chosen.flatMap((face) => {
    const aligned = alignFace(picture, snapped(face), { style: 'similarity', size: preprocessing.imageSize, margin: 0 });
    return aligned ? [{ face, pixels: aligned.data }] : [];
  });
  return { width, height, faces };
}

/** Of a pixel: much less than a detector knows. */
const SNAP = 1 / 32;

/**
 * The face with its landmarks at multiples of a part of a pixel. Their last digits differ from one processor or runtime to another, and would
 * otherwise decide how pixels of the aligned face are rounded.
 */
function snapped({ box, landmarks }: Face): Pick<Face, 'box' | 'landmarks'> {
  const snap = (value: number) => Math.round(value / SNAP) * SNAP;
  const points = Object.entries(landmarks).map(([name, { x, y }]) => [name, { x: snap(x), y: snap(y) }]);
  return { box, landmarks: Object.fromEntries(points) };
}

async function runNetwork(network: Network, { preprocessing }: ModelFile, faces: readonly Ready[]): Promise<NetworkOutputs> {
  const { imageSize } = preprocessing;
  const size = imageSize * imageSize * CHANNELS;
  const pixels = new Uint8Array(faces.length * size);
  faces.forEach((face, i) => {
    pixels.set(face.pixels, i * size);
  });
  return network.run(pixels, [faces.length, imageSize, imageSize, CHANNELS]);
}

function facePrediction(
  { box, landmarks, score }: Face,
  outputs: NetworkOutputs,
  i: number,
  model: ModelFile,
  options: PredictOptions,
): FacePrediction {
  const answer = answerOf(rawAnswerAt(outputs, i, model), model, options.abstain);
  const found = { box, landmarks, score, ...answer };
  if (!options.heatmap) return found;
  return { ...found, heatmap: heatmapAt(outputs('affinities').data, i, { ...model.patches, classes: model.classes }) };
}

interface UnderWay {
  result: Promise<ReadyPicture | UaferError>;
  ended: boolean;
}

/**
 * The prepared inputs in their order, in groups of those that are ready, of about a batch of faces; up to `AHEAD` are under way. Of an input
 * that cannot be read the error. What is ready doesn't wait for an input that hasn't come yet.
 */
async function* grouped<Input>(
  inputs: Iterable<Input> | AsyncIterable<Input>,
  prepare: (input: Input) => Promise<ReadyPicture>,
): AsyncGenerator<(ReadyPicture | UaferError)[]> {
  const iterator = Symbol.asyncIterator in inputs ? inputs[Symbol.asyncIterator]() : asynchronous(inputs);
  const queue: UnderWay[] = [];
  let next: Promise<IteratorResult<Input>> | null = iterator.next();
  try {
    while (next || queue.length > 0) {
      // An input that has come is begun before answers are handed on, so that the network has more than one picture at a time.
      const taken: IteratorResult<Input> | null = await Promise.race([
        ...(next !== null && queue.length < AHEAD ? [next] : []),
        ...queue.slice(0, 1).map(({ result }) => afterInput(result)),
      ]);
      if (taken) {
        if (!taken.done) queue.push(start(taken.value, prepare));
        next = taken.done ? null : iterator.next();
      } else yield await takeReady(queue);
    }
  } finally {
    await iterator.return?.();
  }
}

function start<Input>(input: Input, prepare: (input: Input) => Promise<ReadyPicture>): UnderWay {
  const result = prepare(input).catch(pictureError);
  const underWay: UnderWay = { result, ended: false };
  const end = () => {
    underWay.ended = true;
  };
  // A failure is thrown when its turn comes; until then it is no unhandled rejection.
  result.then(end, end);
  return underWay;
}

/** What is wrong with one picture, and is the answer to it; throws what is wrong with more. */
export function pictureError(error: unknown): UaferError {
  if (error instanceof UaferError && (error.code === 'IMAGE' || error.code === 'LIMIT')) return error;
  throw error;
}

/** Turns of the microtask queue that an iterator needs for an input that is at hand. */
const TURNS = 8;

/** After an input that is at hand. */
async function afterInput(result: Promise<unknown>): Promise<null> {
  await result;
  for (let turn = 0; turn < TURNS; turn++) await null;
  return null;
}

async function takeReady(queue: UnderWay[]): Promise<(ReadyPicture | UaferError)[]> {
  const group: (ReadyPicture | UaferError)[] = [];
  for (let faces = 0; queue[0]?.ended && faces < BATCH; ) {
    const ready = await (queue.shift() as UnderWay).result;
    group.push(ready);
    faces += ready instanceof UaferError ? 0 : ready.faces.length;
  }
  return group;
}

async function* asynchronous<T>(values: Iterable<T>): AsyncGenerator<T> {
  yield* values;
}
