import { availableParallelism } from 'node:os';
import { type Command, InvalidArgumentError, Option } from 'commander';
import type { NoFace } from '../align/job.js';
import { UaferError } from '../errors.js';
import { isFolder } from '../files.js';
import { planAffectnet } from '../prepare/affectnet.js';
import { planCkplus } from '../prepare/ckplus.js';
import { planFer2013 } from '../prepare/fer2013.js';
import { planFerplus } from '../prepare/ferplus.js';
import { planFolder } from '../prepare/folder.js';
import { planJaffe } from '../prepare/jaffe.js';
import type { LaboratoryLayout } from '../prepare/laboratory.js';
import type { MakeSettings } from '../prepare/make.js';
import { createMaker } from '../prepare/maker.js';
import { ILLUMINATIONS, type Illumination, planOulu } from '../prepare/oulu.js';
import type { Alignment, Plan, SetName } from '../prepare/plan.js';
import { planRafdb } from '../prepare/rafdb.js';
import { formatSummary } from '../prepare/summary.js';
import { type Written, writePlan } from '../prepare/write.js';
import { createProgress, type Progress } from '../progress.js';
import { abortOnInterrupt } from './interrupt.js';
import { notes, printJson, printText, type Verbosity } from './output.js';

/** The options of all sets; those that a set lacks keep the default. */
interface PrepareOptions extends Verbosity {
  align: Alignment;
  /** What commander makes of `--no-face`. */
  face: NoFace;
  landmarks: boolean;
  margin: number;
  layout: LaboratoryLayout;
  neutralFrames: number;
  peakFrames: number;
  contempt: boolean;
  illumination: Illumination;
  test: 'public' | 'private';
  workers: number;
  allowUnreadable: boolean;
}

interface PreparedSet {
  name: SetName;
  description: string;
  /** What stands below the options in the help. */
  about: string;
  options: readonly (() => Option)[];
  plan(raw: string, options: PrepareOptions): Promise<Plan>;
}

/** Side of aligned pictures, which is what the original trains on. */
const SIZE = 224;

const align = () =>
  new Option('--align <how>', 'the face turned and scaled by its landmarks, its box with a margin, or the picture as it is')
    .choices(['similarity', 'margin', 'none'])
    .default('similarity');
const margin = () =>
  new Option('--margin <n>', 'pixels of the result around the box, for --align margin').argParser(whole(0)).default(0);
const noFace = () =>
  new Option('--no-face <what>', 'a picture without a face: leave it out, take its middle, or take it whole')
    .choices(['skip', 'centre', 'copy'])
    .default('skip');
const landmarks = () => new Option('--landmarks', "align by the owners' landmarks instead of detection").default(false);
const layout = () =>
  new Option('--layout <kind>', "RAF-DB's lists (--dataset rafdb), or a folder a class (--dataset folder)")
    .choices(['lists', 'folder'])
    .default('lists');
const frames = (which: string, what: string, count: number) => () =>
  new Option(`--${which}-frames <n>`, `frames ${what}`).argParser(whole(0)).default(count);
const ALIGNED = [align, margin, noFace];

const LISTS = `The owners give no split: a fifth of the people, chosen by the SHA-256 of their names, are the test set. The lists are in RAF-DB's
layout with RAF-DB's labels, so that --dataset rafdb trains on them; subjects.txt beside them says who is seen, by index.`;

const SETS: readonly PreparedSet[] = [
  {
    name: 'rafdb',
    description: 'RAF-DB: EmoLabel/list_patition_label.txt, Image/original or aligned, Annotation',
    about: `RAW is the download's root or its basic folder; original.zip, aligned.zip, manual.zip and boundingbox.zip are read as they are.
--align none takes Image/aligned, the owners' alignment to 100 x 100. --landmarks takes Annotation/manual.`,
    options: [...ALIGNED, landmarks],
    plan: planRafdb,
  },
  {
    name: 'affectnet',
    description: 'AffectNet: training.csv and validation.csv with Manually_Annotated_Images, or train_set and val_set',
    about: 'Lists for 7 and for 8 classes are written. Pictures labelled none, uncertain or no face are left out.',
    options: [...ALIGNED, landmarks],
    plan: planAffectnet,
  },
  {
    name: 'fer2013',
    description: 'FER2013: fer2013.csv or icml_face_data.csv',
    about:
      'The pictures are crops of faces of 48 x 48 already, so there is nothing to align. Folders for --dataset folder are written.',
    options: [
      () => new Option('--test <part>', 'the part that is the test set').choices(['public', 'private']).default('public'),
    ],
    plan: planFer2013,
  },
  {
    name: 'ferplus',
    description: 'FER+: fer2013.csv with fer2013new.csv',
    about:
      'The layout of FER+’s owners is written. Whether votes count as majority or as distribution is chosen when training (--votes).',
    options: [],
    plan: planFerplus,
  },
  {
    name: 'ckplus',
    description: 'CK+: cohn-kanade-images, Emotion, Landmarks',
    about: `${LISTS}
Papers count 7 classes without contempt (309 sequences; 1,236 pictures with the default frames) or 8 with it (327; 1,308): for those say
--contempt --layout folder.`,
    options: [
      ...ALIGNED,
      landmarks,
      layout,
      frames('neutral', "at each sequence's beginning, as neutral", 1),
      frames('peak', 'at its end, as its expression', 3),
      () => new Option('--contempt', 'keep contempt, as an eighth class').default(false),
    ],
    plan: planCkplus,
  },
  {
    name: 'jaffe',
    description: 'JAFFE: files like KA.AN1.39.tiff',
    about: LISTS,
    options: [...ALIGNED, layout],
    plan: planJaffe,
  },
  {
    name: 'oulu',
    description: 'Oulu-CASIA: OriginalImg/VL/Strong/P001/Anger/000.jpeg, or VL_Acropped',
    about: `${LISTS}
The owners have six expressions and no neutral; --neutral-frames 1 adds it.`,
    options: [
      ...ALIGNED,
      layout,
      frames('neutral', "at each sequence's beginning, as neutral", 0),
      frames('peak', 'at its end, as its expression', 3),
      () => new Option('--illumination <which>', 'light of the recordings').choices(ILLUMINATIONS).default('Strong'),
    ],
    plan: planOulu,
  },
  {
    name: 'folder',
    description: 'your own pictures in <class>/, or in train/<class>/ and test/<class>/',
    about: 'The copies lie in the same folders, by the same names (with .png added where the name says neither JPEG nor PNG).',
    options: ALIGNED,
    plan: planFolder,
  },
];

export function addPrepare(prepare: Command): void {
  for (const set of SETS) addSet(prepare, set);
}

function addSet(prepare: Command, set: PreparedSet): void {
  const command = prepare
    .command(set.name)
    .description(set.description)
    .argument('<raw>', 'the download, which stays as it is')
    .argument('<out>', 'folder for the data set; a run that was interrupted goes on there');
  for (const option of set.options) command.addOption(option());
  command
    .addOption(
      new Option('--workers <n>', 'pictures at once')
        .argParser(whole(1))
        .default(availableParallelism(), 'one for each processor'),
    )
    .option('--allow-unreadable', 'go on although more than 1% of the pictures cannot be read', false)
    .option('--quiet', 'print nothing but errors and the table')
    .option('--json', 'print the table as one line of JSON')
    .addHelpText('after', `\n${set.about}`)
    .action((raw: string, out: string, options: PrepareOptions) => prepareCommand(set, raw, out, options));
}

async function prepareCommand(set: PreparedSet, raw: string, out: string, options: PrepareOptions): Promise<void> {
  if (!isFolder(raw)) throw new UaferError('DATA', `${raw} is no folder: expected the download of ${set.name}, unpacked once`);
  if (options.landmarks && options.align !== 'similarity')
    throw new UaferError('USAGE', '--landmarks is for --align similarity');
  const note = notes(options);
  const signal = abortOnInterrupt(() => note('Stopping after the pictures under way. Ctrl-C again stops at once.'));
  note(`Reading ${raw} ...`);
  const plan = await set.plan(raw, options);
  try {
    const written = await write(plan, raw, out, options, signal);
    if (options.json) printJson(summaryOf(plan, written, out));
    else printText(formatSummary(plan, written, out));
  } finally {
    plan.close();
  }
}

async function write(plan: Plan, raw: string, out: string, options: PrepareOptions, signal: AbortSignal): Promise<Written> {
  const { workers, allowUnreadable, quiet = false } = options;
  const maker = createMaker(makeSettings(options), Math.min(workers, plan.pictures.length));
  let progress: Progress | undefined;
  const onProgress = (done: number, total: number) => {
    progress ??= createProgress({ label: 'preparing', total, unit: 'pictures', start: done - 1, quiet });
    progress.update(done);
  };
  const settings = contentSettings(options);
  try {
    return await writePlan(plan, { raw, out, maker, settings, workers, allowUnreadable, signal, onProgress });
  } finally {
    progress?.stop();
    await maker.close();
  }
}

function makeSettings({ align: style = 'none', margin: pixels, face }: PrepareOptions): MakeSettings {
  return style === 'none' ? null : { style, size: SIZE, margin: pixels, noFace: face };
}

/** The options that decide which pictures there are and where they lie. */
function contentSettings(options: PrepareOptions): Record<string, unknown> {
  const { landmarks: byOwner, layout: kind, neutralFrames, peakFrames, contempt, illumination, test } = options;
  const given = { landmarks: byOwner, layout: kind, neutralFrames, peakFrames, contempt, illumination, test };
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined));
}

function summaryOf({ set, notes: toKnow }: Plan, { counts, leftOut, made, withoutFace }: Written, out: string) {
  const { classes, parts } = counts;
  const pictures = Object.fromEntries(
    parts.map(({ name, counts: each }) => [name, Object.fromEntries(classes.map((label, i) => [label, each[i]]))]),
  );
  const reasons: Record<string, number> = {};
  for (const { why } of leftOut) reasons[why] = (reasons[why] ?? 0) + 1;
  return { set, out, pictures, leftOut: reasons, made, withoutFace, notes: toKnow };
}

/** A parser for commander of whole numbers from `least`. */
function whole(least: number): (text: string) => number {
  return (text) => {
    if (/^\d+$/.test(text) && Number(text) >= least) return Number(text);
    throw new InvalidArgumentError(`expected a whole number of at least ${least}`);
  };
}
