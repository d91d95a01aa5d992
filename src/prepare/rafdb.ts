import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { RAFDB_CLASSES } from '../data/rafdb.js';
import { fivePoints, parsePointLines } from '../faces/landmarks.js';
import type { Box, Landmarks } from '../faces/types.js';
import { readLines } from '../files.js';
import { collectProblems, type Problems } from '../problems.js';
import { rafdbLayout } from './layout.js';
import { type Alignment, compareWithPublished, type FaceHint, type Plan, type PlannedPicture, type Published } from './plan.js';
import { openStore, requireStore, type Store } from './store.js';

/** A line of `list_patition_label.txt` (the owners' spelling). */
export interface PartitionRow {
  line: number;
  /** `train_00001.jpg` */
  name: string;
  /** 1 to 7, in the order of `RAFDB_CLASSES`. */
  label: number;
  train: boolean;
}

/** Counts of the database's paper and page (Li, Deng and Du 2017): 12,271 and 3,068. */
const PUBLISHED: Published = {
  train: { surprise: 1290, fear: 281, disgusted: 717, happy: 4772, sad: 1982, anger: 705, neutral: 2524 },
  test: { surprise: 329, fear: 74, disgusted: 160, happy: 1185, sad: 478, anger: 162, neutral: 680 },
};

/**
 * RAF-DB's basic expressions as its owners give them out: `EmoLabel/list_patition_label.txt`, pictures in `Image/original` or, as the
 * owners aligned them to 100 x 100, `Image/aligned`, `Annotation/manual` (five points) and `Annotation/boundingbox`; folders or zips.
 *
 * @param raw the download's root, or its `basic` folder
 * @throws UaferError `DATA` naming file and line, and the pictures that are not there
 */
export async function planRafdb(raw: string, { align, landmarks }: { align: Alignment; landmarks: boolean }): Promise<Plan> {
  const basic = existsSync(join(raw, 'basic')) ? join(raw, 'basic') : raw;
  const problems = collectProblems();
  const file = join(basic, 'EmoLabel', 'list_patition_label.txt');
  const rows = parsePartition(readLines(file), file, problems);
  problems.check('RAF-DB cannot be used');

  const images = await openImages(join(basic, 'Image'), align);
  const faces = align === 'none' ? noFaces : await openFaces(join(basic, 'Annotation'), landmarks, problems);
  const pictures: PlannedPicture[] = [];
  for (const { line, name, label, train } of rows) {
    const raws = align === 'none' ? [name.replace('.', '_aligned.'), name] : [name];
    const found = raws.find((candidate) => images.has(candidate));
    if (found === undefined) problems.add(`${file}:${line}: no picture ${raws.join(' or ')} in ${images.where}`);
    else
      pictures.push({
        source: images.source(found),
        name,
        path: align === 'none' ? `basic/Image/aligned/${found}` : `basic/Image/aligned_224/${name}`,
        label: RAFDB_CLASSES[label - 1] as string,
        train,
        ...(await faces.of(name)),
      });
  }
  problems.check('RAF-DB cannot be used');
  return {
    set: 'rafdb',
    pictures,
    leftOut: [],
    layout: rafdbLayout,
    published: PUBLISHED,
    notes: compareWithPublished(pictures, PUBLISHED),
    close: () => {
      images.close();
      faces.close();
    },
  };
}

/** Reads `train_00001.jpg 5` a line. What is wrong goes to `problems`, with file and line. */
export function parsePartition(lines: readonly string[], file: string, problems: Problems): PartitionRow[] {
  const rows = new Map<string, PartitionRow>();
  lines.forEach((text, i) => {
    const line = i + 1;
    const [, name, part, label] = /^\s*((train|test)_\d+\.jpg)\s+(\S+)\s*$/.exec(text) ?? [];
    if (name === undefined || label === undefined) {
      problems.add(`${file}:${line}: expected "train_00001.jpg 5", found "${text.trim()}"`);
      return;
    }
    if (!/^[1-7]$/.test(label)) problems.add(`${file}:${line}: label "${label}", expected 1 to ${RAFDB_CLASSES.length}`);
    const earlier = rows.get(name);
    if (earlier) problems.add(`${file}:${line}: picture "${name}" stands already on line ${earlier.line}`);
    else rows.set(name, { line, name, label: Number(label), train: part === 'train' });
  });
  if (rows.size === 0) problems.add(`${file}: no line of the form "train_00001.jpg 5"`);
  return [...rows.values()];
}

function openImages(images: string, align: Alignment): Promise<Store> {
  return align === 'none'
    ? requireStore([{ parent: images, folder: 'aligned' }], '--align none takes the pictures that the owners aligned')
    : requireStore(
        [{ parent: images, folder: 'original' }],
        'alignment starts from the original pictures; --align none takes those that the owners aligned',
      );
}

/** What the annotation says of a picture's face. */
interface Faces {
  of(name: string): Promise<{ face?: FaceHint }>;
  close(): void;
}

const noFaces: Faces = { of: async () => ({}), close: () => {} };

async function openFaces(annotation: string, landmarks: boolean, problems: Problems): Promise<Faces> {
  const boxes = await openStore([{ parent: annotation, folder: 'boundingbox' }]);
  const points = landmarks
    ? await requireStore([{ parent: annotation, folder: 'manual' }], "--landmarks takes the owners' five points from there")
    : null;
  return {
    of: async (name) => {
      const stem = name.replace(/\.jpg$/, '');
      const box = boxes && (await readAnnotation(boxes, `${stem}_boundingbox.txt`, parseBox, problems, false));
      const five = points && (await readAnnotation(points, `${stem}_manu_attri.txt`, parseFive, problems, true));
      return box || five ? { face: { ...(box && { box }), ...(five && { landmarks: five }) } } : {};
    },
    close: () => {
      boxes?.close();
      points?.close();
    },
  };
}

async function readAnnotation<T>(
  store: Store,
  name: string,
  parse: (text: string) => T | string,
  problems: Problems,
  required: boolean,
): Promise<T | null> {
  if (!store.has(name)) {
    if (required) problems.add(`${store.where}: no file ${name}`);
    return null;
  }
  const source = store.source(name);
  const value = parse((await store.annotation(name)).toString('utf8'));
  if (typeof value !== 'string') return value;
  problems.add(`${source.where}:${value}`);
  return null;
}

function parseFive(text: string): Landmarks | string {
  const points = parsePointLines(text, 5);
  return typeof points === 'string' ? points : fivePoints(points);
}

/** `x1 y1 x2 y2` */
function parseBox(text: string): Box | string {
  const numbers = text.trim().split(/\s+/).map(Number);
  const [left, top, right, bottom] = numbers as [number, number, number, number];
  if (numbers.length !== 4 || !numbers.every(Number.isFinite) || right <= left || bottom <= top)
    return `1: expected a box "x1 y1 x2 y2", found "${text.trim()}"`;
  return { left, top, width: right - left, height: bottom - top };
}
