import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { type Command, InvalidArgumentError, Option } from 'commander';
import { decodeBytes, decodePicture } from '../codec/decode.js';
import { counted } from '../counted.js';
import { UaferError } from '../errors.js';
import type { Selection } from '../faces/select.js';
import type { DetectorName } from '../faces/types.js';
import { writeFileAtomically } from '../files.js';
import { type AnswerWriter, csv, jsonLines, type Result, readable } from '../node/answerForms.js';
import { drawHeatmaps, drawOverlay } from '../node/draw.js';
import { createPredictor, type ModelFile, type Prediction, type PredictOptions, type Predictor } from '../node/index.js';
import {
  checkInputs,
  countPictures,
  createNames,
  type NamedPicture,
  namedPictures,
  namedVideos,
} from '../node/pictureFiles.js';
import { openPredictionFile, type PredictionFile } from '../node/predictionFile.js';
import { createProgress } from '../progress.js';
import type { Backend } from '../runtime/onnxRuntime.js';
import { shown, shownText } from '../shown.js';
import { isVideoName } from '../video/endings.js';
import { abortOnInterrupt } from './interrupt.js';
import { notes, type Verbosity } from './output.js';
import { type Clip, type ClipOptions, type ClipRun, checkClipOptions, predictClip } from './predictClip.js';
import { wholeNumberFrom } from './wholeNumberOption.js';

interface PredictCommandOptions extends Verbosity, ClipOptions {
  model?: string;
  detector: DetectorName;
  faces: Selection;
  aligned?: boolean;
  csv?: boolean;
  out?: string;
  camera?: string | true;
  heatmap?: string;
  abstain?: number;
  threads: number;
  backend?: Backend;
}

export function addPredict(command: Command): void {
  command
    .argument(
      '[inputs...]',
      'pictures, videos, folders, patterns in quotes, lists (.txt, a path a line), or - for names or one picture on standard input',
    )
    .option('--model <folder>', 'a model that `uafer export` made; the one of the package when left out')
    .addOption(
      new Option('--detector <name>', 'blazeface is many times faster, mtcnn finds smaller and more turned faces')
        .choices(['blazeface', 'mtcnn'])
        .default('blazeface'),
    )
    .addOption(new Option('--faces <which>', 'which of several faces').choices(['all', 'largest', 'central']).default('all'))
    .option('--aligned', 'the pictures are aligned faces already, as in training: no detection')
    .option('--abstain <u>', "reject above this uncertainty, from 0 to 1, in place of the model's own threshold", share)
    .option('--json', 'a line of JSON a picture, and a frame of a video')
    .option('--csv', 'a row a face')
    .option('--camera [device]', 'what a camera sees, until Ctrl-C: the first one, a device, or FORMAT:DEVICE of ffmpeg')
    .option('--every <n>', 'of videos every n-th frame', wholeNumberFrom(1, 100_000), 1)
    .option(
      '--changes',
      'of videos a line where a face comes, leaves, or its expression or decision changes, in place of one a frame',
    )
    .option(
      '--out <file>',
      'write the answers (JSON lines, or with --csv rows) here; the same command goes on after an interruption',
    )
    .option('--overlay <place>', 'draw boxes and answers: a folder, or of one video a file (.mp4, .mkv, .mov)')
    .option('--plot <place>', 'draw expressions and uncertainty of videos over time: a folder, or of one video a file (.svg)')
    .option('--heatmap <folder>', 'draw which patches of the faces spoke for the answers')
    .option('--threads <n>', 'threads that a network may use', wholeNumberFrom(1, 256), Math.min(4, availableParallelism()))
    .addOption(new Option('--backend <name>', 'native where it works, else wasm, when left out').choices(['native', 'wasm']))
    .option('--quiet', 'print nothing but errors and the answers')
    .addHelpText(
      'after',
      `
Answers come in the order of the inputs. A picture that cannot be read is an answer with its error; one without a face is an answer too.
The faces of videos are followed, and their answers of the last two seconds fused into one over time. Videos and cameras need ffmpeg.

Examples:
  uafer predict photo.jpg
  uafer predict photos --overlay seen
  uafer predict "photos/**/*.jpg" --json --out answers.jsonl
  find . -name "*.png" | uafer predict - --aligned --csv
  uafer predict clip.mp4 --overlay seen.mp4 --plot seen.svg
  uafer predict --camera --changes`,
    )
    .action((inputs: string[], options: PredictCommandOptions) => predictCommand(inputs, options));
}

async function predictCommand(inputs: readonly string[], options: PredictCommandOptions): Promise<void> {
  checkUse(inputs, options);
  const videos = videosAmong(inputs, options);
  checkClipOptions(options, videos);
  const note = notes(options);
  const { model, detector, threads, backend, aligned = false, faces, abstain, camera } = options;
  await using predictor = await createPredictor({ detector, threads, ...(model && { model }), ...(backend && { backend }) });
  const signal = abortOnInterrupt(() => note('Stopping after the pictures in hand. Ctrl-C again stops at once.'));
  const writer = writerFor(options, videos, predictor.model.classes);
  const file = options.out === undefined ? null : openPredictionFile(options.out, writer, settingsOf(options, predictor.model));
  const asked: PredictOptions = { faces, aligned, ...(abstain !== undefined && { abstain }) };
  const put = (text: string) => (file ? file.add(text) : print(text));
  const count: Count = { pictures: 0, videos: 0, faces: 0, unreadable: 0 };
  const shown = showProgress(inputs, videos, file, options);
  const nameOf = createNames();
  const run = { predictor, asked, options, writer, put, signal, nameOf, resumable: file !== null };
  try {
    if (!file && writer.head) await print(writer.head);
    if (camera !== undefined)
      await addClip(cameraClip(camera), { ...run, options: cameraOptions(options), progress: false }, count);
    const progress = shown === null && !options.quiet && (file !== null || !(options.json || options.csv || options.changes));
    const items = oneAfterTheOther(namedPictures(inputs, process.stdin), file, signal);
    const draw = drawer(options, nameOf);
    for (let next = await items.peek(); next; next = await items.peek()) {
      if (isVideo(next)) {
        await addVideo((await items.take()) as NamedPicture, { ...run, progress }, count);
      } else {
        const photos = { ...asked, heatmap: options.heatmap !== undefined };
        for await (const { picture, result } of predictPhotos(predictor, items, photos)) {
          if ('prediction' in result) await draw(picture, result.prediction);
          await put(writer.text(result));
          count.pictures++;
          if ('error' in result) count.unreadable++;
          else count.faces += result.prediction.faces.length;
          shown?.update(count.pictures + count.videos);
        }
      }
      shown?.update(count.pictures + count.videos);
    }
    await items.close();
  } finally {
    shown?.stop();
    file?.close();
  }
  note(summary(count, file, options));
  if (signal.aborted) process.exitCode = 130;
  else if (count.unreadable > 0 && count.unreadable === count.pictures + count.videos)
    throw new UaferError('IMAGE', `None of the ${count.videos > 0 ? 'inputs' : 'pictures'} could be read.`);
}

interface Count {
  pictures: number;
  videos: number;
  faces: number;
  unreadable: number;
}

/** The videos that are named; unknown where standard input names what there is. */
type NamedVideos = readonly string[] | 'unknown';

function videosAmong(inputs: readonly string[], { camera }: PredictCommandOptions): NamedVideos {
  if (camera !== undefined) return ['camera'];
  return inputs.includes('-') ? 'unknown' : namedVideos(inputs);
}

/** Throws `USAGE` for what cannot be meant. */
function checkUse(inputs: readonly string[], options: PredictCommandOptions): void {
  const { json, csv: rows, camera, heatmap, out } = options;
  if (json && rows) throw new UaferError('USAGE', '--json and --csv: choose one.');
  if (camera === undefined && inputs.length === 0)
    throw new UaferError('USAGE', 'There is no input: expected pictures, videos or folders, or --camera.');
  if (camera !== undefined && inputs.length > 0)
    throw new UaferError(
      'USAGE',
      `--camera and ${shown(inputs[0] as string)}: choose one. A device is named as --camera=DEVICE.`,
    );
  if (camera !== undefined && heatmap !== undefined) throw new UaferError('USAGE', '--heatmap draws pictures, not a camera.');
  if (camera !== undefined && out !== undefined)
    throw new UaferError('USAGE', '--out goes on after an interruption, which a camera cannot: use --json and > FILE.');
  checkInputs(inputs);
}

/** What the answers in a file depend on. */
function settingsOf({ detector, faces, aligned = false, abstain, ...options }: PredictCommandOptions, { network }: ModelFile) {
  return {
    model: network.sha256,
    detector,
    faces,
    aligned,
    abstain: abstain ?? null,
    form: options.csv ? 'csv' : 'json',
    ...(options.every === 1 ? {} : { every: options.every }),
    ...(options.changes ? { changes: true } : {}),
  };
}

const isVideo = ({ input }: NamedPicture) => typeof input === 'string' && isVideoName(input);

/** Whoever looks on is told what changes. */
const cameraOptions = ({ json, csv, ...options }: PredictCommandOptions): ClipOptions =>
  json || csv ? options : { ...options, changes: true };

const cameraClip = (camera: string | true): Clip => ({
  file: camera === true ? 'camera' : camera,
  camera: camera === true ? null : camera,
});

/** A video that cannot be read is an answer with its error, as a picture is. */
async function addVideo({ file, input }: NamedPicture, run: ClipRun, count: Count): Promise<void> {
  try {
    await addClip({ file, path: input as string }, run, count);
  } catch (error) {
    if (!(error instanceof UaferError && (error.code === 'IMAGE' || error.code === 'RUNTIME_NOT_FOUND'))) throw error;
    await run.put(run.writer.text({ file, error: reason(error, { file, input }) }));
    count.videos++;
    count.unreadable++;
  }
}

async function addClip(clip: Clip, run: ClipRun, count: Count): Promise<void> {
  const { faces } = await predictClip(clip, run);
  count.faces += faces;
  count.videos++;
}

/** Pictures and videos that are looked at before they are taken, so that those next to each other are predicted together. */
interface Items {
  /** The next one; null at the end, and after an interruption. */
  peek(): Promise<NamedPicture | null>;
  take(): Promise<NamedPicture | null>;
  close(): Promise<void>;
}

/** What is in the file already is passed over. */
function oneAfterTheOther(source: AsyncGenerator<NamedPicture>, file: PredictionFile | null, signal: AbortSignal): Items {
  let next: NamedPicture | null = null;
  const peek = async () => {
    while (!next && !signal.aborted) {
      const { value, done } = await source.next();
      if (done) return null;
      if (!file?.done.has(value.file)) next = value;
    }
    return signal.aborted ? null : next;
  };
  const take = async () => {
    const taken = await peek();
    next = null;
    return taken;
  };
  return { peek, take, close: async () => void (await source.return(undefined)) };
}

/** The photos before the next video, together. */
async function* predictPhotos(
  predictor: Predictor,
  items: Items,
  asked: PredictOptions,
): AsyncGenerator<{ picture: NamedPicture; result: Result }> {
  const pending: NamedPicture[] = [];
  const photos = async function* () {
    for (let next = await items.peek(); next && !isVideo(next); next = await items.peek()) {
      await items.take();
      pending.push(next);
      yield next.input;
    }
  };
  for await (const answer of predictor.predictMany(photos(), asked)) {
    const picture = pending.shift() as NamedPicture;
    const { file } = picture;
    const result = 'error' in answer ? { file, error: reason(answer.error, picture) } : { file, prediction: answer.prediction };
    yield { picture, result };
  }
}

function writerFor(
  { json, csv: rows, out }: PredictCommandOptions,
  videos: NamedVideos,
  classes: readonly string[],
): AnswerWriter {
  if (rows) return csv(classes, videos === 'unknown' || videos.length > 0);
  return json || out !== undefined ? jsonLines() : readable();
}

function reason({ message }: UaferError, { file, input }: NamedPicture): string {
  // The message begins with the place that was read, which the answer names already.
  const where = typeof input === 'string' ? input : 'The picture';
  return message.replace(where, file === input ? 'it' : file).replace(/^it cannot/, 'cannot');
}

/** Without letters that a terminal acts on. Waits for a slow reader, so that answers don't pile up in memory. */
async function print(text: string): Promise<void> {
  if (process.stdout.write(shownText(text))) return;
  await new Promise((resolve) => process.stdout.once('drain', resolve));
}

/** Null where it is not known how many there are, or nobody waits: the answers themselves are seen. */
function showProgress(
  inputs: readonly string[],
  videos: NamedVideos,
  file: PredictionFile | null,
  { out, quiet = false, camera }: PredictCommandOptions,
) {
  const total = out === undefined || camera !== undefined ? undefined : countPictures(inputs);
  // Of one video its own frames are counted.
  if (total === undefined || (total === 1 && videos !== 'unknown' && videos.length === 1)) return null;
  const start = file?.done.size ?? 0;
  const progress = createProgress({ label: 'predicting', total, unit: 'pictures', start, quiet });
  return { update: (done: number) => progress.update(start + done), stop: () => progress.stop() };
}

/** Draws what was asked for. */
function drawer({ overlay, heatmap, aligned = false }: PredictCommandOptions, nameOf: (file: string) => string) {
  return async ({ file, input }: NamedPicture, prediction: Prediction): Promise<void> => {
    if (overlay === undefined && heatmap === undefined) return;
    const decoding = { upright: !aligned };
    const picture = await (typeof input === 'string' ? decodePicture(input, decoding) : decodeBytes(input, file, decoding));
    const stem = nameOf(file);
    if (overlay !== undefined) writeFileAtomically(join(overlay, `${stem}.jpg`), await drawOverlay(picture, prediction));
    const patches = heatmap === undefined ? null : await drawHeatmaps(picture, prediction, aligned);
    if (heatmap !== undefined && patches) writeFileAtomically(join(heatmap, `${stem}.png`), patches);
  };
}

function summary(
  { pictures, videos, faces, unreadable }: Count,
  file: PredictionFile | null,
  { out, overlay, heatmap, plot, camera }: PredictCommandOptions,
): string {
  const before = file && file.done.size > 0 ? `, ${file.done.size} were there` : '';
  const broken = unreadable > 0 ? `, ${unreadable} unreadable` : '';
  const written = [out, overlay, heatmap, plot].filter((place) => place !== undefined);
  const where = written.length > 0 ? ` Wrote ${written.join(', ')}.` : '';
  const seen = [
    ...(pictures > 0 || videos === 0 ? [counted(pictures, 'picture')] : []),
    ...(videos > 0 ? [camera === undefined ? counted(videos, 'video') : 'what the camera saw'] : []),
  ];
  return `${counted(faces, 'face')} in ${seen.join(' and ')}${before}${broken}.${where}`;
}

function share(text: string): number {
  const value = Number(text);
  if (text.trim() !== '' && value >= 0 && value <= 1) return value;
  throw new InvalidArgumentError('Expected an uncertainty from 0 to 1.');
}
