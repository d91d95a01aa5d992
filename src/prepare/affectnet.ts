import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { AFFECTNET_CLASSES } from '../data/affectnet.js';
import { UaferError } from '../errors.js';
import { fiveOf68, pairs } from '../faces/landmarks.js';
import { isFolder } from '../files.js';
import { collectProblems, type Problems } from '../problems.js';
import { type CsvRow, columnPositions, readCsv } from './csv.js';
import { affectnetLayout, outputName } from './layout.js';
import { parseNpy } from './npy.js';
import {
  type Alignment,
  compareWithPublished,
  type FaceHint,
  type LeftOut,
  type Plan,
  type PlannedPicture,
  type Published,
} from './plan.js';
import { folderStore, requireStore, type Store } from './store.js';

interface AffectnetOptions {
  align: Alignment;
  landmarks: boolean;
}

const COLUMNS = [
  'subDirectory_filePath',
  'face_x',
  'face_y',
  'face_width',
  'face_height',
  'facial_landmarks',
  'expression',
  'valence',
  'arousal',
] as const;
type Positions = Record<(typeof COLUMNS)[number], number>;

/** Labels after the eight expressions: what annotators said of pictures that show none of them. */
const WITHOUT_EXPRESSION = ['none', 'uncertain', 'no face'];

/** Manually annotated pictures with one of the eight expressions (Mollahosseini, Hasani and Mahoor 2017, table 3): 287,651 and 4,000. */
const PUBLISHED: Published = {
  train: {
    neutral: 74874,
    happy: 134415,
    sad: 25459,
    surprise: 14090,
    fear: 6378,
    disgusted: 3803,
    anger: 24882,
    contempt: 3750,
  },
  test: { neutral: 500, happy: 500, sad: 500, surprise: 500, fear: 500, disgusted: 500, anger: 500, contempt: 500 },
};

/**
 * AffectNet's manually annotated pictures in either form that its owners gave out: `training.csv` and `validation.csv` (also in
 * `Manually_Annotated_file_lists`) beside `Manually_Annotated_Images`, or `train_set` and `val_set` with `images/N.jpg` and
 * `annotations/N_exp.npy`. The validation pictures are the test set, since the test set was never given out.
 *
 * @throws UaferError `DATA` naming file and line, and the pictures that are not there
 */
export async function planAffectnet(raw: string, options: AffectnetOptions): Promise<Plan> {
  const found = isFolder(join(raw, 'train_set')) ? await readFolders(raw, options) : await readTables(raw, options);
  return {
    set: 'affectnet',
    ...found,
    layout: affectnetLayout,
    published: PUBLISHED,
    notes: compareWithPublished(found.pictures, PUBLISHED),
  };
}

interface Found {
  pictures: PlannedPicture[];
  leftOut: LeftOut[];
  close(): void;
}

async function readTables(raw: string, options: AffectnetOptions): Promise<Found> {
  const images = await requireStore(
    [{ parent: raw, folder: 'Manually_Annotated_Images' }],
    'expected AffectNet with training.csv, validation.csv and Manually_Annotated_Images, or its later form with train_set and val_set',
  );
  const lists = existsSync(join(raw, 'training.csv')) ? raw : join(raw, 'Manually_Annotated_file_lists');
  const problems = collectProblems();
  const table = createTable(images, options, problems);
  await table.read(join(lists, 'training.csv'), true);
  await table.read(join(lists, 'validation.csv'), false);
  problems.check('AffectNet cannot be used');
  return { pictures: table.pictures, leftOut: table.leftOut, close: images.close };
}

function createTable(images: Store, { align, landmarks }: AffectnetOptions, problems: Problems) {
  const pictures: PlannedPicture[] = [];
  const leftOut: LeftOut[] = [];
  const seen = new Map<string, string>();
  const take = (where: string, fields: readonly string[], at: Positions, train: boolean) => {
    if (fields.length !== COLUMNS.length) {
      problems.add(`${where}: expected ${COLUMNS.length} columns, found ${fields.length}`);
      return;
    }
    const name = fields[at.subDirectory_filePath] as string;
    const expression = readExpression(fields[at.expression] as string);
    if (expression === null) {
      problems.add(`${where}: expression "${fields[at.expression]}", expected 0 to 10`);
      return;
    }
    const earlier = seen.get(name);
    if (earlier) problems.add(`${where}: picture "${name}" stands already on ${earlier}`);
    seen.set(name, where);
    if (typeof expression !== 'string') {
      leftOut.push({ where: `${where} ${name}`, why: expression.why });
      return;
    }
    if (!images.has(name)) problems.add(`${where}: no picture ${name} in ${images.where}`);
    const face = align === 'none' ? {} : readFace(fields, at, landmarks);
    if (typeof face === 'string') problems.add(`${where}: ${face}`);
    else pictures.push({ source: images.source(name), ...placed(name, align), label: expression, train, face });
  };
  return {
    pictures,
    leftOut,
    /** The validation list was given out without a header too. */
    read: async (file: string, train: boolean) => {
      let at: Positions | undefined;
      const receive = (row: CsvRow) => {
        const isHeader = at === undefined && row.fields[0] === COLUMNS[0];
        at ??= isHeader ? columnPositions(file, row, COLUMNS) : standardPositions;
        if (!isHeader) take(`${file}:${row.line}`, row.fields, at, train);
      };
      await readCsv(file, receive);
    },
  };
}

const standardPositions = Object.fromEntries(COLUMNS.map((column, i) => [column, i])) as Positions;

/** The expression, why a picture without one is left out, or null for what is no label. */
function readExpression(text: string): string | { why: string } | null {
  if (!/^\d+$/.test(text)) return null;
  const label = Number(text);
  const why = WITHOUT_EXPRESSION[label - AFFECTNET_CLASSES.length];
  return AFFECTNET_CLASSES[label] ?? (why === undefined ? null : { why: `its label is "${why}"` });
}

function readFace(fields: readonly string[], at: Positions, landmarks: boolean): FaceHint | string {
  const number = (column: keyof Positions) => Number(fields[at[column]]);
  const box = { left: number('face_x'), top: number('face_y'), width: number('face_width'), height: number('face_height') };
  if (!Object.values(box).every(Number.isFinite)) return 'face_x, face_y, face_width and face_height must be numbers';
  // Boxes of -1 stand where the owners' detector found no face.
  const hint: FaceHint = box.width > 0 && box.height > 0 ? { box } : {};
  if (!landmarks) return hint;
  const numbers = (fields[at.facial_landmarks] as string).split(';').map(Number);
  if (numbers.length !== 136 || !numbers.every(Number.isFinite))
    return `facial_landmarks must be 68 points "x;y;x;y...", found ${numbers.length} values`;
  return { ...hint, landmarks: fiveOf68(pairs(numbers)) };
}

function placed(name: string, align: Alignment): { name: string; path: string } {
  const output = outputName(name, align);
  return { name: output, path: `Manually_Annotated_Images/${output}` };
}

async function readFolders(raw: string, options: AffectnetOptions): Promise<Found> {
  const problems = collectProblems();
  const pictures: PlannedPicture[] = [];
  const leftOut: LeftOut[] = [];
  for (const part of ['train_set', 'val_set'] as const) {
    const images = folderStore(requireFolder(join(raw, part, 'images')));
    const annotations = folderStore(requireFolder(join(raw, part, 'annotations')));
    for (const file of images.names().toSorted(byNumber)) {
      const stem = file.replace(/\.[^.]*$/, '');
      const label = await readNpy(annotations, `${stem}_exp.npy`, 1, problems);
      const lnd = options.landmarks && options.align !== 'none';
      const points = lnd ? await readNpy(annotations, `${stem}_lnd.npy`, 136, problems) : null;
      const source = images.source(file);
      const expression = label && readExpression(String(label[0]));
      if (expression && typeof expression !== 'string') leftOut.push({ where: source.where, why: expression.why });
      else if (expression)
        pictures.push({
          source,
          ...placed(`${part}/${file}`, options.align),
          label: expression,
          train: part === 'train_set',
          ...(points && { face: { landmarks: fiveOf68(pairs(points)) } }),
        });
      else if (label) problems.add(`${join(annotations.where, `${stem}_exp.npy`)}: label ${label[0]}, expected 0 to 10`);
    }
  }
  problems.check('AffectNet cannot be used');
  return { pictures, leftOut, close: () => {} };
}

async function readNpy(store: Store, name: string, count: number, problems: Problems): Promise<readonly number[] | null> {
  if (!store.has(name)) {
    problems.add(`${store.where}: no file ${name}`);
    return null;
  }
  const source = store.source(name);
  try {
    const { values } = parseNpy(await store.annotation(name));
    if (values.length !== count) throw new Error(`it holds ${values.length} values, expected ${count}`);
    return values;
  } catch (error) {
    const { message } = error as Error;
    problems.add(error instanceof UaferError ? message : `${source.where}: ${message}`);
    return null;
  }
}

function requireFolder(path: string): string {
  if (!isFolder(path))
    throw new UaferError('DATA', `${path} is not there: expected train_set and val_set with images and annotations`);
  return path;
}

const byNumber = (a: string, b: string): number => Number.parseInt(a, 10) - Number.parseInt(b, 10) || (a < b ? -1 : 1);
