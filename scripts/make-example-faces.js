/**
 * Makes the example data set `examples/faces` from the open faces (a folder with `labels.csv`: image, expression, person, and
 * `images/`): at most 40 pictures of each of RAF-DB's 7 expressions, in RAF-DB's layout, split by person.
 *
 *   node scripts/make-example-faces.js SOURCE [OUT]
 */
import { createHash } from 'node:crypto';
import { copyFileSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import sharp from 'sharp';
import { RAFDB_CLASSES } from '#uafer/data/rafdb.js';
import { labelledFaces } from './persons.js';

const SEED = 42;
const SIDE = 224;
const PER_CLASS = { train: 30, test: 10 };

/** @typedef {import('./persons.js').LabelledFace} Row */

const [source, out = 'examples/faces'] = process.argv.slice(2);
if (!source) {
  console.error('usage: node scripts/make-example-faces.js SOURCE [OUT]');
  process.exit(2);
}

const square = await keepSquare(labelledFaces(source));
const chosen = RAFDB_CLASSES.flatMap((expression, i) =>
  ['train', 'test'].flatMap((part) => {
    const candidates = square.filter((row) => row.expression === expression && row.heldOut === (part === 'test'));
    return manyPeopleFirst(candidates)
      .slice(0, PER_CLASS[part])
      .map((row) => ({ ...row, part, label: i + 1 }));
  }),
);
chosen.sort((a, b) => (a.image < b.image ? -1 : 1));
await write(chosen);
report(chosen);

/** Keeps the square pictures, which are aligned faces; the oblong ones are stills cut out of films, some with their owners' marks. */
async function keepSquare(/** @type {Row[]} */ all) {
  const sizes = await Promise.all(all.map(({ image }) => sharp(join(source, 'images', image)).metadata()));
  return all.filter((_, i) => sizes[i].width === sizes[i].height);
}

/** In a seeded order in which everybody's first picture comes before anybody's second. */
function manyPeopleFirst(/** @type {Row[]} */ candidates) {
  const key = ({ image }) => createHash('sha256').update(`${SEED}:${image}`).digest('hex');
  const seeded = candidates.map((row) => ({ row, key: key(row) })).sort((a, b) => (a.key < b.key ? -1 : 1));
  const turns = new Map();
  const ranked = seeded.map(({ row }) => {
    const turn = turns.get(row.person) ?? 0;
    turns.set(row.person, turn + 1);
    return { row, turn };
  });
  return ranked.sort((a, b) => a.turn - b.turn).map(({ row }) => row);
}

async function write(entries) {
  const basic = join(out, 'basic');
  const folder = join(basic, 'Image', 'aligned_224');
  rmSync(basic, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  mkdirSync(join(basic, 'EmoLabel'));
  for (const { image } of entries) {
    const picture = sharp(join(source, 'images', image)).resize(SIDE, SIDE);
    await picture.jpeg({ quality: 90 }).toFile(join(folder, image));
  }
  const list = (value) => entries.map((entry, i) => `${i + 1} ${value(entry)}\n`).join('');
  writeFileSync(
    join(basic, 'EmoLabel', 'images.txt'),
    list(({ image }) => image),
  );
  writeFileSync(
    join(basic, 'EmoLabel', 'image_class_labels.txt'),
    list(({ label }) => label),
  );
  writeFileSync(
    join(basic, 'EmoLabel', 'train_test_split.txt'),
    list(({ part }) => (part === 'train' ? 1 : 0)),
  );
  copyFileSync(join(source, 'LICENSE'), join(out, 'LICENSE'));
}

function report(entries) {
  const count = (expression, part) => entries.filter((entry) => entry.expression === expression && entry.part === part);
  const people = (all) => new Set(all.map(({ person }) => person)).size;
  console.table(
    RAFDB_CLASSES.map((expression) => {
      const [train, test] = [count(expression, 'train'), count(expression, 'test')];
      return { expression, train: train.length, people: people(train), test: test.length, 'test people': people(test) };
    }),
  );
}
