/**
 * Lays the open faces (a folder with `labels.csv`: image, expression, person, and `images/`) out as a folder data set, `train/<class>/`
 * and `test/<class>/`, split by person: nobody stands in both.
 *
 *   node scripts/faces-by-person.js SOURCE OUT
 */
import { copyFileSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { isHeldOut } from './persons.js';

const [source, out] = process.argv.slice(2);
if (!source || !out) {
  console.error('usage: node scripts/faces-by-person.js SOURCE OUT');
  process.exit(2);
}

const [, ...lines] = readFileSync(join(source, 'labels.csv'), 'utf8').trim().split(/\r?\n/);
const rows = lines.map((line) => {
  const [image, expression, person] = line.split(',').map((cell) => cell.replace(/^"|"$/g, ''));
  return { image, expression, person };
});
const pictures = new Map();
for (const { person } of rows) pictures.set(person, (pictures.get(person) ?? 0) + 1);
const counts = {};
for (const { image, expression, person } of rows) {
  const part = isHeldOut(person, pictures.get(person)) ? 'test' : 'train';
  const folder = join(out, part, expression);
  mkdirSync(folder, { recursive: true });
  copyFileSync(join(source, 'images', image), join(folder, image));
  counts[expression] ??= { train: 0, test: 0 };
  counts[expression][part] += 1;
}
console.table(counts);
