import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { type Command, InvalidArgumentError, Option } from 'commander';
import { type AlignResult, alignPictures, reasonLeftOut } from '../align/alignPictures.js';
import { findPictures, withLandmarks } from '../align/inputs.js';
import type { AlignJob, NoFace } from '../align/job.js';
import { writePreview } from '../align/preview.js';
import { UaferError } from '../errors.js';
import type { AlignStyle } from '../faces/alignFace.js';
import type { Selection } from '../faces/select.js';
import type { DetectorName } from '../faces/types.js';
import { createProgress, type Progress } from '../progress.js';
import { shown } from '../shown.js';
import { abortOnInterrupt } from './interrupt.js';
import { notes, printJson, type Verbosity } from './output.js';

interface AlignCommandOptions extends Verbosity {
  detector: DetectorName;
  style: AlignStyle;
  size: number;
  margin: number;
  faces: Selection;
  /** What commander makes of `--no-face`. */
  face: NoFace;
  landmarks?: string;
  workers: number;
  preview?: boolean;
}

/** Reasons that are printed; the others are in the file. */
const SHOWN = 10;

/** The detectors' own options, by the names that they have there, and how a command line writes them. */
const DETECTION = {
  mtcnn: {
    minFaceSize: new Option('--min-face-size <n>', 'side of the smallest face to look for, in pixels (20)').argParser(
      number(1, 1e6),
    ),
    factor: new Option('--factor <x>', 'from one level of the pyramid to the next (0.709)').argParser(fractions(1)),
    thresholds: new Option(
      '--thresholds <x,y,z>',
      'probabilities over which a candidate passes the three networks (0.6,0.7,0.7)',
    ).argParser(fractions(3)),
    overlaps: new Option(
      '--overlaps <w,x,y,z>',
      'overlap over which the less probable of two goes: in a level, among levels, after the second and third network (0.5,0.7,0.7,0.7)',
    ).argParser(fractions(4)),
  },
  blazeface: {
    range: new Option('--range <name>', 'short for faces near the camera, full for all (full)').choices(['short', 'full']),
    threshold: new Option('--threshold <x>', 'probability over which a face counts (0.5)').argParser(fractions(1)),
    overlap: new Option('--overlap <x>', 'overlap over which two boxes are one face (0.3)').argParser(fractions(1)),
  },
} as const satisfies Record<DetectorName, Record<string, Option>>;

export function addAlign(command: Command): void {
  command
    .argument('<paths...>', 'photos, folders or lists (.txt, a path a line), and last the folder for the aligned pictures')
    .addOption(
      new Option('--detector <name>', 'mtcnn finds small and turned faces, blazeface is many times faster')
        .choices(['mtcnn', 'blazeface'])
        .default('mtcnn'),
    )
    .addOption(
      new Option('--style <name>', "similarity: turned and scaled by the landmarks; margin: facenet-pytorch's crop of the box")
        .choices(['similarity', 'margin'])
        .default('similarity'),
    )
    .option('--size <n>', 'side of the aligned pictures, in pixels', number(8, 4096), 224)
    .option('--margin <n>', 'pixels of the result around the box, with --style margin', number(0, 4095), 0)
    .addOption(
      new Option('--faces <which>', 'which of several faces').choices(['largest', 'central', 'all']).default('largest'),
    )
    .addOption(
      new Option('--no-face <what>', 'a photo without a face: leave it out, take its middle, or copy the file')
        .choices(['skip', 'centre', 'copy'])
        .default('skip'),
    )
    .option('--landmarks <folder>', "five points a picture instead of detection: <name>.txt, or RAF-DB's <name>_manu_attri.txt")
    .option('--workers <n>', 'threads', number(1, 256), availableParallelism())
    .option('--preview', 'draw a sheet, preview.png: photos with what was found, and the aligned pictures')
    .option('--quiet', 'print nothing but errors')
    .option('--json', 'print the counts as one line of JSON');
  for (const [detector, options] of Object.entries(DETECTION)) {
    for (const option of Object.values(options)) command.addOption(option.helpGroup(`With --detector ${detector}:`));
  }
  command
    .addHelpText(
      'after',
      `
A folder's tree is kept. Several faces of a.jpg become a_1.jpg, a_2.jpg, ...; a name that belongs to another photo gets _ at its end.
faces.jsonl in the output tells boxes, landmarks and scores of every photo, left-out.txt what was not aligned and why. Pictures that were made with the same settings are not made again: the same command goes on after an interruption.

Examples:
  uafer align photos aligned --preview
  uafer align list.txt group.jpg aligned --faces all
  uafer align Image/original Image/aligned_224 --landmarks Annotation/manual`,
    )
    .action((paths: string[], options: AlignCommandOptions) => alignCommand(paths, options));
}

async function alignCommand(paths: readonly string[], options: AlignCommandOptions): Promise<void> {
  const out = paths.at(-1) as string;
  if (paths.length < 2) throw new UaferError('USAGE', 'align: expected photos and, last, the folder for the aligned pictures.');
  const note = notes(options);
  const { landmarks, workers, detector, style, size, margin, faces, face } = options;
  if (margin >= size) throw new UaferError('USAGE', `--margin ${margin}: expected less than --size ${size}.`);
  const photos = findPictures(paths.slice(0, -1), out);
  const jobs = landmarks === undefined ? photos : withLandmarks(photos, landmarks);
  const detection = detectionOf(options);
  const settings = { detector, detection, style, size, margin, selection: faces, noFace: face };
  let progress: Progress | undefined;
  const onProgress = (done: number, total: number) => {
    progress ??= createProgress({ label: 'aligning', total, unit: 'pictures', start: done, quiet: options.quiet ?? false });
    progress.update(done);
  };
  const signal = abortOnInterrupt(() => note('Stopping after the pictures in hand. Ctrl-C again stops at once.'));
  const result = await alignPictures(jobs, { out, settings, workers, signal, onProgress }).finally(() => progress?.stop());
  report(result, jobs, out, options);
  if (result.stopped) process.exitCode = 130;
  else if (options.preview) {
    const preview = join(out, result.preview);
    if (await writePreview(jobs, result.records, preview)) note(`Preview: ${preview}`);
  }
}

function report(
  { records, kept, stopped }: AlignResult,
  jobs: readonly AlignJob[],
  out: string,
  options: AlignCommandOptions,
): void {
  const note = notes(options);
  const count = { pictures: jobs.length, aligned: 0, withoutFace: 0, unreadable: 0, kept };
  const reasons: string[] = [];
  for (const record of records) {
    const why = reasonLeftOut(record);
    if (why === null) count.aligned++;
    else reasons.push(`  ${shown(record.file)}: ${shown(why)}`);
    if ('error' in record) count.unreadable++;
    else if (record.noFace) count.withoutFace++;
  }
  if (reasons.length > 0) note(reasons.slice(0, SHOWN).join('\n'));
  if (reasons.length > SHOWN) note(`  ... and ${reasons.length - SHOWN} more, in ${out}/left-out.txt`);
  note(
    `${count.aligned} of ${count.pictures} pictures aligned in ${out}` +
      `${kept > 0 ? ` (${kept} were there)` : ''}, ${count.withoutFace} without a face, ${count.unreadable} unreadable.`,
  );
  if (stopped) note('Stopped. The same command goes on.');
  if (options.json) printJson(count);
  if (!stopped && count.unreadable === jobs.length) throw new UaferError('IMAGE', 'None of the pictures could be read.');
}

/** The options that were given for the chosen detector. Throws `USAGE` for one of another. */
function detectionOf(options: AlignCommandOptions): Record<string, unknown> {
  const values = options as unknown as Record<string, unknown>;
  const detection: Record<string, unknown> = {};
  for (const [detector, own] of Object.entries(DETECTION)) {
    for (const [name, option] of Object.entries(own)) {
      const value = values[option.attributeName()];
      if (value === undefined) continue;
      if (detector !== options.detector) {
        throw new UaferError(
          'USAGE',
          `${option.long} belongs to --detector ${detector}, and the detector is ${options.detector}.`,
        );
      }
      detection[name] = value;
    }
  }
  return detection;
}

function number(min: number, max: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (text.trim() === '' || !Number.isInteger(value) || value < min || value > max) {
      throw new InvalidArgumentError(`Expected a whole number from ${min} to ${max}.`);
    }
    return value;
  };
}

/** So many numbers between 0 and 1 with commas between; a single one is no list. */
function fractions(count: number): (text: string) => number | number[] {
  return (text) => {
    const values = text.split(',').map((part) => (part.trim() === '' ? Number.NaN : Number(part)));
    if (values.length !== count || !values.every((value) => value > 0 && value < 1)) {
      const wanted = count === 1 ? 'a number' : `${count} numbers with commas between, each`;
      throw new InvalidArgumentError(`Expected ${wanted} between 0 and 1.`);
    }
    return count === 1 ? (values[0] as number) : values;
  };
}
