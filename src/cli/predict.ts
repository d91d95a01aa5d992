import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { type Command, InvalidArgumentError, Option } from 'commander';
import { decodeBytes, decodePicture } from '../codec/decode.js';
import { UaferError } from '../errors.js';
import type { Selection } from '../faces/select.js';
import type { DetectorName } from '../faces/types.js';
import { writeFileAtomically } from '../files.js';
import { type AnswerWriter, csv, jsonLines, type Result, readable } from '../node/answerForms.js';
import { drawHeatmaps, drawOverlay } from '../node/draw.js';
import { createPredictor, type Prediction, type PredictOptions } from '../node/index.js';
import { checkInputs, countPictures, type NamedPicture, namedPictures, shortName } from '../node/pictureFiles.js';
import { openPredictionFile, type PredictionFile } from '../node/predictionFile.js';
import { createProgress } from '../progress.js';
import type { Backend } from '../runtime/onnxRuntime.js';
import { shownText } from '../shown.js';
import { abortOnInterrupt } from './interrupt.js';
import { notes, type Verbosity } from './output.js';

interface PredictCommandOptions extends Verbosity {
  model?: string;
  detector: DetectorName;
  faces: Selection;
  aligned?: boolean;
  csv?: boolean;
  out?: string;
  overlay?: string;
  heatmap?: string;
  abstain?: number;
  threads: number;
  backend?: Backend;
}

export function addPredict(command: Command): void {
  command
    .argument(
      '<inputs...>',
      'pictures, folders, patterns in quotes, lists (.txt, a path a line), or - for names or one picture on standard input',
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
    .option('--json', 'a line of JSON a picture')
    .option('--csv', 'a row a face')
    .option(
      '--out <file>',
      'write the answers (JSON lines, or with --csv rows) here; the same command goes on after an interruption',
    )
    .option('--overlay <folder>', 'draw boxes and answers on the photos')
    .option('--heatmap <folder>', 'draw which patches of the faces spoke for the answers')
    .option('--threads <n>', 'threads that a network may use', whole, Math.min(4, availableParallelism()))
    .addOption(new Option('--backend <name>', 'native where it works, else wasm, when left out').choices(['native', 'wasm']))
    .option('--quiet', 'print nothing but errors and the answers')
    .addHelpText(
      'after',
      `
Answers come in the order of the inputs. A picture that cannot be read is an answer with its error; one without a face is an answer too.

Examples:
  uafer predict photo.jpg
  uafer predict photos --overlay seen
  uafer predict "photos/**/*.jpg" --json --out answers.jsonl
  find . -name "*.png" | uafer predict - --aligned --csv`,
    )
    .action((inputs: string[], options: PredictCommandOptions) => predictCommand(inputs, options));
}

async function predictCommand(inputs: readonly string[], options: PredictCommandOptions): Promise<void> {
  if (options.json && options.csv) throw new UaferError('USAGE', '--json and --csv: choose one.');
  checkInputs(inputs);
  const note = notes(options);
  const { model, detector, threads, backend, aligned = false, faces, abstain } = options;
  await using predictor = await createPredictor({ detector, threads, ...(model && { model }), ...(backend && { backend }) });
  const signal = abortOnInterrupt(() => note('Stopping after the pictures in hand. Ctrl-C again stops at once.'));
  const writer = writerFor(options, predictor.model.classes);
  const settings = {
    model: predictor.model.network.sha256,
    detector,
    faces,
    aligned,
    abstain: abstain ?? null,
    form: options.csv ? 'csv' : 'json',
  };
  const file = options.out === undefined ? null : openPredictionFile(options.out, writer, settings);
  const asked: PredictOptions = {
    faces,
    aligned,
    heatmap: options.heatmap !== undefined,
    ...(abstain !== undefined && { abstain }),
  };
  const shown = showProgress(inputs, file, options);
  const pending: NamedPicture[] = [];
  const todo = remembered(namedPictures(inputs, process.stdin), pending, file, signal);
  const draw = drawer(options);
  const count = { pictures: 0, faces: 0, unreadable: 0 };
  try {
    if (!file && writer.head) await print(writer.head);
    for await (const answer of predictor.predictMany(todo, asked)) {
      const picture = pending.shift() as NamedPicture;
      const result: Result =
        'error' in answer
          ? { file: picture.file, error: reason(answer.error, picture) }
          : { file: picture.file, prediction: answer.prediction };
      if ('prediction' in result) await draw(picture, result.prediction);
      if (file) file.add(writer.text(result));
      else await print(writer.text(result));
      count.pictures++;
      if ('error' in result) count.unreadable++;
      else count.faces += result.prediction.faces.length;
      shown.update(count.pictures);
    }
  } finally {
    shown.stop();
    file?.close();
  }
  note(summary(count, file, options));
  if (signal.aborted) process.exitCode = 130;
  else if (count.pictures > 0 && count.unreadable === count.pictures)
    throw new UaferError('IMAGE', 'None of the pictures could be read.');
}

function writerFor({ json, csv: rows, out }: PredictCommandOptions, classes: readonly string[]): AnswerWriter {
  if (rows) return csv(classes);
  return json || out !== undefined ? jsonLines() : readable();
}

/** The inputs for the predictor; those that are handed on are remembered in `pending`, in their order. */
async function* remembered(
  pictures: AsyncIterable<NamedPicture>,
  pending: NamedPicture[],
  file: PredictionFile | null,
  signal: AbortSignal,
): AsyncGenerator<string | Uint8Array> {
  for await (const picture of pictures) {
    if (signal.aborted) return;
    if (file?.done.has(picture.file)) continue;
    pending.push(picture);
    yield picture.input;
  }
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

function showProgress(inputs: readonly string[], file: PredictionFile | null, { out, quiet = false }: PredictCommandOptions) {
  const total = out === undefined ? undefined : countPictures(inputs);
  if (total === undefined) return { update: () => {}, stop: () => {} };
  const start = file?.done.size ?? 0;
  const progress = createProgress({ label: 'predicting', total, unit: 'pictures', start, quiet });
  return { update: (done: number) => progress.update(start + done), stop: () => progress.stop() };
}

/** Draws what was asked for; photos of the same name get a number. */
function drawer({ overlay, heatmap, aligned = false }: PredictCommandOptions) {
  const names = new Map<string, number>();
  return async ({ file, input }: NamedPicture, prediction: Prediction): Promise<void> => {
    if (overlay === undefined && heatmap === undefined) return;
    const decoding = { upright: !aligned };
    const picture = await (typeof input === 'string' ? decodePicture(input, decoding) : decodeBytes(input, file, decoding));
    const name = shortName(file);
    const again = (names.get(name) ?? 0) + 1;
    names.set(name, again);
    const stem = again === 1 ? name : `${name}_${again}`;
    if (overlay !== undefined) writeFileAtomically(join(overlay, `${stem}.jpg`), await drawOverlay(picture, prediction));
    const patches = heatmap === undefined ? null : await drawHeatmaps(picture, prediction, aligned);
    if (heatmap !== undefined && patches) writeFileAtomically(join(heatmap, `${stem}.png`), patches);
  };
}

function summary(
  { pictures, faces, unreadable }: { pictures: number; faces: number; unreadable: number },
  file: PredictionFile | null,
  { out, overlay, heatmap }: PredictCommandOptions,
): string {
  const plural = (count: number, noun: string) => `${count} ${noun}${count === 1 ? '' : 's'}`;
  const before = file && file.done.size > 0 ? `, ${file.done.size} were there` : '';
  const broken = unreadable > 0 ? `, ${unreadable} unreadable` : '';
  const written = [out, overlay, heatmap].filter((place) => place !== undefined);
  const where = written.length > 0 ? ` Wrote ${written.join(', ')}.` : '';
  return `${plural(faces, 'face')} in ${plural(pictures, 'picture')}${before}${broken}.${where}`;
}

function share(text: string): number {
  const value = Number(text);
  if (text.trim() !== '' && value >= 0 && value <= 1) return value;
  throw new InvalidArgumentError('Expected an uncertainty from 0 to 1.');
}

function whole(text: string): number {
  if (/^\d+$/.test(text) && Number(text) >= 1 && Number(text) <= 256) return Number(text);
  throw new InvalidArgumentError('Expected a whole number from 1 to 256.');
}
