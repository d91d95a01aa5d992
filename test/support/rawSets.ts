/** Miniatures of the owners' raw downloads, byte for byte in their naming. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, extname, join } from 'node:path';
import sharp from 'sharp';
import { type ExampleFace, fewFaces } from './exampleFaces.js';
import { writeFiles } from './pictures.js';
import { writeZip } from './zip.js';

/** RAF-DB's order of expressions. */
const ORDER = ['surprise', 'fear', 'disgusted', 'happy', 'sad', 'anger', 'neutral'] as const;

/** Two faces of each expression, one for training and one for test, in RAF-DB's order. */
export const faces: readonly ExampleFace[] = fewFaces(1).toSorted((a, b) => a.label - b.label);

function faceOf(expression: string, train: boolean): ExampleFace {
  const label = Math.max(0, ORDER.indexOf(expression as (typeof ORDER)[number]));
  return faces.find((face) => face.label === label && face.train === train) as ExampleFace;
}

/** Bytes of the faces, by picture and format: encoded once. */
const encoded = new Map<string, Promise<Uint8Array>>();

/** A photo with a real face, by its expression, in whatever format the name says. */
export async function writeFace(file: string, expression: string, train = true): Promise<void> {
  const { path } = faceOf(expression, train);
  const format = extname(file).slice(1) as 'jpeg' | 'png' | 'tiff' | 'webp';
  const key = `${path} ${format}`;
  const bytes = encoded.get(key) ?? sharp(path).toFormat(format).toBuffer();
  encoded.set(key, bytes);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, await bytes);
}

/** Numbers of RAF-DB's files count within training and within test. */
export const rafdbNames = faces.map(({ train }, i) => {
  const number = faces.slice(0, i + 1).filter((face) => face.train === train).length;
  return train ? `train_${String(number).padStart(5, '0')}` : `test_${String(number).padStart(4, '0')}`;
});

/** RAF-DB: its pictures and annotations as folders or as zips. */
export function writeRawRafdb(root: string, { zips = false } = {}): void {
  const files: Record<string, Record<string, Buffer>> = { original: {}, aligned: {}, manual: {}, boundingbox: {} };
  faces.forEach(({ path }, i) => {
    const name = rafdbNames[i] as string;
    const bytes = readFileSync(path);
    (files.original as Record<string, Buffer>)[`${name}.jpg`] = bytes;
    (files.aligned as Record<string, Buffer>)[`${name}_aligned.jpg`] = bytes;
    const points = '78.5\t94.25\n145.5\t94.25\n112.0\t132.0\n84.0\t168.0\n140.0\t168.0\n0\n0\n2\n';
    (files.manual as Record<string, Buffer>)[`${name}_manu_attri.txt`] = Buffer.from(points);
    (files.boundingbox as Record<string, Buffer>)[`${name}_boundingbox.txt`] = Buffer.from('30.0 40.0 190.0 210.0 \n');
  });
  writeFiles(root, {
    'basic/EmoLabel/list_patition_label.txt': faces.map(({ label }, i) => `${rafdbNames[i]}.jpg ${label + 1}\n`).join(''),
  });
  for (const [folder, entries] of Object.entries(files)) {
    const parent = join(root, 'basic', folder === 'original' || folder === 'aligned' ? 'Image' : 'Annotation');
    if (zips)
      writeZip(
        join(parent, `${folder}.zip`),
        Object.fromEntries(Object.entries(entries).map(([name, bytes]) => [`${folder}/${name}`, bytes])),
      );
    else
      for (const [name, bytes] of Object.entries(entries)) {
        mkdirSync(join(parent, folder), { recursive: true });
        writeFileSync(join(parent, folder, name), bytes);
      }
  }
}

const AFFECTNET_HEADER =
  'subDirectory_filePath,face_x,face_y,face_width,face_height,facial_landmarks,expression,valence,arousal';
const AFFECTNET_ORDER = ['neutral', 'happy', 'sad', 'surprise', 'fear', 'disgusted', 'anger', 'contempt'];

/** A row as AffectNet writes it, with 68 points of a face in the middle of 224 x 224 pixels. */
export function affectnetRow(name: string, expression: number): string {
  return `${name},30,40,160,170,${points68().flat().join(';')},${expression},-0.05,0.25`;
}

/** 68 points of the iBUG scheme, of which only eyes, nose and corners of the mouth are where they belong. */
function points68(): [number, number][] {
  const points = Array.from({ length: 68 }, (): [number, number] => [112, 112]);
  const put = (from: number, to: number, x: number, y: number) => points.fill([x, y], from, to);
  put(36, 42, 78.5, 94.25);
  put(42, 48, 145.5, 94.25);
  put(30, 31, 112, 132);
  put(48, 49, 84, 168);
  put(54, 55, 140, 168);
  return points;
}

/** AffectNet's first form: CSV files, one of them without a header as it was given out too. */
export async function writeRawAffectnet(root: string): Promise<void> {
  for (const [file, train] of [
    ['training.csv', true],
    ['validation.csv', false],
  ] as const) {
    const rows: string[] = [];
    for (const [label, expression] of [...AFFECTNET_ORDER, 'none', 'uncertain', 'no face'].entries()) {
      const name = `${label + 1}/${train ? 'a' : 'b'}${label}f0.jpg`;
      rows.push(affectnetRow(name, label));
      await writeFace(join(root, 'Manually_Annotated_Images', name), expression, train);
    }
    writeFiles(root, { [file]: [...(train ? [AFFECTNET_HEADER] : []), ...rows, ''].join('\n') });
  }
}

/** AffectNet's later form: `.npy` files beside the pictures. */
export async function writeRawAffectnetFolders(root: string): Promise<void> {
  for (const part of ['train_set', 'val_set']) {
    mkdirSync(join(root, part, 'annotations'), { recursive: true });
    for (const [label, expression] of AFFECTNET_ORDER.entries()) {
      await writeFace(join(root, part, 'images', `${label}.jpg`), expression, part === 'train_set');
      const annotation = (kind: string) => join(root, part, 'annotations', `${label}_${kind}.npy`);
      writeFileSync(annotation('exp'), textNpy(String(label)));
      writeFileSync(annotation('lnd'), doubleNpy(points68().flat()));
      for (const kind of ['val', 'aro']) writeFileSync(annotation(kind), textNpy('-0.05'));
    }
  }
}

/** As `numpy.save` writes an array of no dimension that holds a text. */
export function textNpy(text: string): Buffer {
  const data = Buffer.alloc(4 * text.length);
  [...text].forEach((character, i) => {
    data.writeUInt32LE(character.codePointAt(0) as number, 4 * i);
  });
  return npy(`<U${text.length}`, '()', data);
}

export function doubleNpy(values: readonly number[]): Buffer {
  return npy('<f8', `(${values.length},)`, Buffer.from(Float64Array.from(values).buffer));
}

export function npy(type: string, shape: string, data: Buffer): Buffer {
  const header = `{'descr': '${type}', 'fortran_order': False, 'shape': ${shape}, }`;
  const padded = `${header.padEnd(128 - 10 - 1)}\n`;
  const length = Buffer.alloc(2);
  length.writeUInt16LE(padded.length);
  return Buffer.concat([Buffer.from('\x93NUMPY\x01\x00', 'latin1'), length, Buffer.from(padded), data]);
}

/** Rows of `fer2013.csv` with usage and label: two of each label for training, one for each of the other parts. */
export const fer2013Rows = ['Training', 'Training', 'PublicTest', 'PrivateTest'].flatMap((usage, part) =>
  Array.from({ length: 7 }, (_, label) => ({ usage, label, pixels: greyPixels(part * 7 + label) })),
);

function greyPixels(seed: number): string {
  return Array.from({ length: 48 * 48 }, (_, i) => (i * 7 + seed * 31) % 256).join(' ');
}

export function writeRawFer2013(root: string): void {
  const rows = fer2013Rows.map(({ usage, label, pixels }) => `${label},${pixels},${usage}\n`);
  writeFiles(root, { 'fer2013.csv': `emotion,pixels,Usage\n${rows.join('')}` });
}

/** FER+'s votes for the rows of `writeRawFer2013`; the second row shows no face, as some do. */
export function writeRawFerplus(root: string): void {
  writeRawFer2013(root);
  const rows = fer2013Rows.map(({ usage, label }, i) => {
    const votes = Array.from({ length: 10 }, (_, vote) => (i !== 1 && vote === label ? 8 : 0));
    if (i === 1) votes[9] = 10;
    else votes[7] = 2;
    return `${usage},${i === 1 ? '' : `fer${String(i).padStart(7, '0')}.png`},${votes.join(',')}\n`;
  });
  const header = 'Usage,Image name,neutral,happiness,surprise,sadness,anger,disgust,fear,contempt,unknown,NF\n';
  writeFiles(root, { 'fer2013new.csv': header + rows.join('') });
}

const CKPLUS_ORDER = ['neutral', 'anger', 'contempt', 'disgusted', 'fear', 'happy', 'sad', 'surprise'];

/** CK+: each of these people has a sequence of 5 frames for each label from 1 to 7, and one without a label. */
export async function writeRawCkplus(root: string, people: readonly string[] = ['S005', 'S010', 'S501']): Promise<void> {
  for (const person of people) {
    for (let take = 1; take <= 8; take++) {
      const sequence = `${person}/${String(take).padStart(3, '0')}`;
      const stem = `${sequence}/${sequence.replace('/', '_')}_`;
      for (let frame = 1; frame <= 5; frame++) {
        const name = `${stem}${String(frame).padStart(8, '0')}`;
        await writeFace(
          join(root, 'cohn-kanade-images', `${name}.png`),
          frame < 3 ? 'neutral' : (CKPLUS_ORDER[take] ?? 'neutral'),
        );
        const line = ([x, y]: [number, number]) => `   ${x.toExponential(7)}   ${y.toExponential(7)}\n`;
        writeFiles(root, { [`Landmarks/${name}_landmarks.txt`]: points68().map(line).join('') });
      }
      if (take <= 7) writeFiles(root, { [`Emotion/${stem}00000005_emotion.txt`]: `   ${take.toExponential(7)}\n` });
    }
  }
}

const JAFFE_LETTERS: Record<string, string> = {
  AN: 'anger',
  DI: 'disgusted',
  FE: 'fear',
  HA: 'happy',
  NE: 'neutral',
  SA: 'sad',
  SU: 'surprise',
};

export async function writeRawJaffe(root: string, people: readonly string[] = ['KA', 'KL', 'YM']): Promise<void> {
  let number = 1;
  for (const person of people) {
    for (const [letters, expression] of Object.entries(JAFFE_LETTERS))
      await writeFace(join(root, `${person}.${letters}1.${number++}.tiff`), expression);
  }
  writeFiles(root, { README_FIRST: 'The Japanese Female Facial Expression Database' });
}

const OULU_FOLDERS: Record<string, string> = {
  Anger: 'anger',
  Disgust: 'disgusted',
  Fear: 'fear',
  Happiness: 'happy',
  Sadness: 'sad',
  Surprise: 'surprise',
};

export async function writeRawOulu(root: string, place = 'OriginalImg/VL/Strong'): Promise<void> {
  for (const person of ['P001', 'P002', 'P080']) {
    for (const [folder, expression] of Object.entries(OULU_FOLDERS)) {
      for (let frame = 0; frame < 5; frame++)
        await writeFace(join(root, place, person, folder, `${String(frame).padStart(3, '0')}.jpeg`), expression);
    }
  }
}

/** Class folders in `train` and `test`, the pictures in formats of several kinds. */
export async function writeRawFolder(root: string): Promise<void> {
  for (const part of ['train', 'test']) {
    for (const expression of ['happy', 'sad']) {
      for (const ending of ['jpg', 'png', 'webp'])
        await writeFace(join(root, part, expression, `${ending}-face.${ending}`), expression, part === 'train');
    }
  }
}
