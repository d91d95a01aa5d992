import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const FACES = fileURLToPath(new URL('../../examples/faces/basic', import.meta.url));

/** A picture of examples/faces. */
export interface ExampleFace {
  name: string;
  path: string;
  /** From 0, in RAF-DB's order. */
  label: number;
  train: boolean;
}

/** All example faces, in the order of their list. */
export function exampleFaces(): ExampleFace[] {
  const column = (list: string) =>
    readFileSync(join(FACES, 'EmoLabel', `${list}.txt`), 'utf8')
      .trim()
      .split('\n')
      .map((line) => line.split(' ')[1] as string);
  const [labels, splits] = [column('image_class_labels'), column('train_test_split')];
  return column('images').map((name, i) => ({
    name,
    path: join(FACES, 'Image/aligned_224', name),
    label: Number(labels[i]) - 1,
    train: splits[i] === '1',
  }));
}

/** The first `count` faces of each expression in each of the two parts. */
export function fewFaces(count: number): ExampleFace[] {
  const seen = new Map<string, number>();
  return exampleFaces().filter(({ label, train }) => {
    const key = `${label} ${train}`;
    seen.set(key, (seen.get(key) ?? 0) + 1);
    return (seen.get(key) as number) <= count;
  });
}

/** Writes faces as a data set in RAF-DB's layout. */
export function writeRafdb(root: string, faces: readonly ExampleFace[]): void {
  const folder = join(root, 'basic/Image/aligned_224');
  mkdirSync(folder, { recursive: true });
  for (const { name, path } of faces) copyFileSync(path, join(folder, name));
  writeLists(join(root, 'basic/EmoLabel'), faces, { firstLabel: 1, prefix: '' });
}

/** Writes faces as a data set in the layout of AffectNet with 7 classes; the labels keep their numbers, not their meaning. */
export function writeAffectnet(root: string, faces: readonly ExampleFace[]): void {
  const folder = join(root, 'Manually_Annotated_Images/1');
  mkdirSync(folder, { recursive: true });
  for (const { name, path } of faces) copyFileSync(path, join(folder, name));
  writeLists(join(root, 'affectnet_info'), faces, { firstLabel: 0, prefix: '1/' });
}

function writeLists(
  folder: string,
  faces: readonly ExampleFace[],
  { firstLabel, prefix }: { firstLabel: number; prefix: string },
): void {
  mkdirSync(folder, { recursive: true });
  const list = (value: (face: ExampleFace) => string | number) => faces.map((face, i) => `${i + 1} ${value(face)}\n`).join('');
  writeFileSync(
    join(folder, 'images.txt'),
    list(({ name }) => prefix + name),
  );
  writeFileSync(
    join(folder, 'image_class_labels.txt'),
    list(({ label }) => label + firstLabel),
  );
  writeFileSync(
    join(folder, 'train_test_split.txt'),
    list(({ train }) => (train ? 1 : 0)),
  );
}
