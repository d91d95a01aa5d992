import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import sharp from 'sharp';
import type { Dataset, Sample } from '#uafer/data/types.js';

const CLASSES = ['happy', 'sad', 'neutral'];

/** A data set of made-up pictures in `folder`: each class has a colour of its own, under noise. */
export async function writeDataset(folder: string, { train = 24, test = 9, size = 8 } = {}): Promise<Dataset> {
  mkdirSync(folder, { recursive: true });
  const write = (part: string, count: number) =>
    Promise.all(Array.from({ length: count }, (_, i) => writePicture(folder, `${part}_${i}.png`, i, size)));
  return {
    name: 'folder',
    root: folder,
    classes: CLASSES,
    train: await write('train', train),
    test: await write('test', test),
  };
}

async function writePicture(folder: string, file: string, number: number, size: number): Promise<Sample> {
  const label = number % CLASSES.length;
  const pixels = Uint8Array.from({ length: 3 * size * size }, (_, k) => {
    const noise = 60 * Math.sin(12.9898 * (k + 1) * (number + 1));
    return 110 + noise + (k % 3 === label ? 60 : 0);
  });
  const path = join(folder, file);
  await sharp(pixels, { raw: { width: size, height: size, channels: 3 } })
    .png()
    .toFile(path);
  return { file, path, label };
}

/** The same pictures as a data set of class folders: `train/<class>/` and `test/<class>/`. */
export async function writeClassFolders(folder: string, counts: { train: number; test: number; size: number }): Promise<void> {
  for (const part of ['train', 'test'] as const) {
    for (const name of CLASSES) mkdirSync(join(folder, part, name), { recursive: true });
    const write = (i: number) =>
      writePicture(folder, join(part, CLASSES[i % CLASSES.length] as string, `${i}.png`), i, counts.size);
    await Promise.all(Array.from({ length: counts[part] }, (_, i) => write(i)));
  }
}
