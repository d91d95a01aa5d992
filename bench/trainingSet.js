/** A made-up data set in RAF-DB's or AffectNet's layout: pictures of coloured clouds, each its own. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import sharp from 'sharp';

const SIDE = 224;
const CLASSES = 7;

const LAYOUTS = {
  rafdb: { pictures: ['basic', 'Image', 'aligned_224'], lists: ['basic', 'EmoLabel'], under: 'aligned_224', firstLabel: 1 },
  affectnet: { pictures: ['Manually_Annotated_Images', '1'], lists: ['affectnet_info'], under: '1', firstLabel: 0 },
};

/** @param {'rafdb' | 'affectnet'} dataset */
export async function writeTrainingSet(folder, dataset, { train, test }) {
  const layout = LAYOUTS[dataset];
  const [pictures, lists] = [join(folder, ...layout.pictures), join(folder, ...layout.lists)];
  for (const path of [pictures, lists]) mkdirSync(path, { recursive: true });
  const names = Array.from(
    { length: train + test },
    (_, i) => `${i < train ? 'train' : 'test'}_${String(i).padStart(5, '0')}.jpg`,
  );
  for (const [i, name] of names.entries()) writeFileSync(join(pictures, name), await clouds(i));
  const list = (file, value) =>
    writeFileSync(join(lists, file), names.map((name, i) => `${i + 1} ${value(name, i)}\n`).join(''));
  list('images.txt', (name) => `${layout.under}/${name}`);
  list('image_class_labels.txt', (_, i) => (i % CLASSES) + layout.firstLabel);
  list('train_test_split.txt', (_, i) => (i < train ? 1 : 0));
}

/** 12 x 12 seeded colours, enlarged. */
function clouds(seed) {
  const side = 12;
  let state = (seed + 1) * 2654435761;
  const next = () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state >>> 24;
  };
  const small = Buffer.from(Array.from({ length: side * side * 3 }, next));
  return sharp(small, { raw: { width: side, height: side, channels: 3 } })
    .resize(SIDE, SIDE, { kernel: 'cubic' })
    .jpeg()
    .toBuffer();
}
