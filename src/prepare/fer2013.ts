import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import sharp from 'sharp';
import { UaferError } from '../errors.js';
import { collectProblems, type Problems } from '../problems.js';
import { columnPositions, readCsv } from './csv.js';
import { folderLayout } from './layout.js';
import {
  compareWithPublished,
  type Expression,
  type LeftOut,
  type PictureSource,
  type Plan,
  type PlannedPicture,
} from './plan.js';

const FER2013_SIDE = 48;
const PIXELS = FER2013_SIDE * FER2013_SIDE;

/** FER2013's expressions in the order of its labels 0 to 6 (Goodfellow et al. 2013), by the names that the loaders' classes have. */
const CLASSES: readonly Expression[] = ['anger', 'disgusted', 'fear', 'happy', 'sad', 'surprise', 'neutral'];

const USAGES = ['Training', 'PublicTest', 'PrivateTest'] as const;
export type Usage = (typeof USAGES)[number];

/** A row of the file that the challenge gave out. */
export interface Fer2013Row {
  line: number;
  usage: Usage;
  label: Expression;
  /** 48 x 48, row by row. */
  pixels: Uint8Array;
}

const per = (...counts: readonly number[]): Record<string, number> =>
  Object.fromEntries(CLASSES.map((name, i) => [name, counts[i] as number]));
const PUBLISHED: Record<Usage, Record<string, number>> = {
  Training: per(3995, 436, 4097, 7215, 4830, 3171, 4965),
  PublicTest: per(467, 56, 496, 895, 653, 415, 607),
  PrivateTest: per(491, 55, 528, 879, 594, 416, 626),
};

/**
 * FER2013 (Goodfellow et al. 2013) from its CSV, as pictures in folders. One of the two held-out parts becomes the test set, the other
 * one is left out.
 *
 * @throws UaferError `DATA` naming file and line
 */
export async function planFer2013(raw: string, { test }: { test: 'public' | 'private' }): Promise<Plan> {
  const problems = collectProblems();
  const file = fer2013File(raw);
  const testUsage: Usage = test === 'public' ? 'PublicTest' : 'PrivateTest';
  const pictures: PlannedPicture[] = [];
  const leftOut: LeftOut[] = [];
  let rows = 0;
  await readFer2013(file, problems, (row) => {
    const number = rows++;
    const train = row.usage === 'Training';
    if (!train && row.usage !== testUsage)
      leftOut.push({ where: `${file}:${row.line}`, why: `it belongs to ${row.usage}, the other held-out part` });
    else {
      const path = `${train ? 'train' : 'test'}/${row.label}/fer${String(number).padStart(7, '0')}.png`;
      pictures.push({ source: pixelSource(file, row), name: path, path, label: row.label, train });
    }
  });
  problems.check('FER2013 cannot be used');
  const published = { train: PUBLISHED.Training, test: PUBLISHED[testUsage] };
  const notes = compareWithPublished(pictures, published);
  return { set: 'fer2013', pictures, leftOut, layout: folderLayout, published, notes, close: () => {} };
}

/** The CSV by any of the names that it goes by: as the challenge packed it, and its later copy with all data. */
export function fer2013File(raw: string): string {
  const candidates = ['fer2013.csv', 'fer2013/fer2013.csv', 'icml_face_data.csv'].map((name) => join(raw, name));
  const file = candidates.find((candidate) => existsSync(candidate));
  if (file === undefined) throw new UaferError('DATA', `${raw} holds neither fer2013.csv nor icml_face_data.csv`);
  return file;
}

/** Hands on each row of the CSV; what is wrong goes to `problems`, with file and line. */
export async function readFer2013(file: string, problems: Problems, receive: (row: Fer2013Row) => void): Promise<void> {
  let at: Record<'emotion' | 'pixels' | 'Usage', number> | undefined;
  await readCsv(file, (record) => {
    if (at === undefined) {
      at = columnPositions(file, record, ['emotion', 'pixels', 'Usage']);
      return;
    }
    const text = (position: number) => record.fields[position] ?? '';
    const row = parseRow(record.line, text(at.emotion), text(at.pixels), text(at.Usage));
    if (typeof row === 'string') problems.add(`${file}:${record.line}: ${row}`);
    else receive(row);
  });
  if (at === undefined) problems.add(`${file} is empty`);
}

/** The row, or what is wrong with it. */
function parseRow(line: number, emotion: string, pixels: string, usage: string): Fer2013Row | string {
  const label = /^\d$/.test(emotion) ? CLASSES[Number(emotion)] : undefined;
  if (label === undefined) return `emotion "${emotion}", expected 0 to ${CLASSES.length - 1}`;
  const known = USAGES.find((one) => one === usage);
  if (known === undefined) return `usage "${usage}", expected ${USAGES.join(', ')}`;
  const grey = parsePixels(pixels);
  return typeof grey === 'string' ? grey : { line, usage: known, label, pixels: grey };
}

/** `70 80 82 ...`: whole numbers to 255 with single blanks between them. There are 80 million of them, so no array of texts is made. */
function parsePixels(text: string): Uint8Array | string {
  const grey = new Uint8Array(PIXELS);
  let [count, value, digits] = [0, 0, 0];
  for (let i = 0; i <= text.length; i++) {
    const code = i < text.length ? text.charCodeAt(i) : 32;
    if (code >= 48 && code <= 57) {
      value = value * 10 + code - 48;
      digits++;
    } else if (code === 32 && digits > 0 && value <= 255) {
      grey[count++] = value;
      [value, digits] = [0, 0];
    } else return `pixel ${count + 1} is no whole number from 0 to 255`;
  }
  return count === PIXELS ? grey : `${count} pixels, expected ${FER2013_SIDE} x ${FER2013_SIDE} = ${PIXELS}`;
}

/** The row's pixels as a PNG file. */
export function pixelSource(file: string, { line, pixels }: Fer2013Row): PictureSource {
  return {
    where: `${file}:${line}`,
    fingerprint: () => createHash('sha256').update(pixels).digest('hex'),
    read: () =>
      sharp(pixels, { raw: { width: FER2013_SIDE, height: FER2013_SIDE, channels: 1 } })
        .png()
        .toBuffer(),
  };
}
