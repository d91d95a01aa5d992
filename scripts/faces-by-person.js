/**
 * Lays the open faces (a folder with `labels.csv`: image, expression, person, and `images/`) out as a folder data set, `train/<class>/`
 * and `test/<class>/`, split by person: nobody stands in both.
 *
 *   node scripts/faces-by-person.js SOURCE OUT
 */
import { copyFileSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { labelledFaces } from './persons.js';

const [source, out] = process.argv.slice(2);
if (!source || !out) {
  console.error('usage: node scripts/faces-by-person.js SOURCE OUT');
  process.exit(2);
}

const counts = {};
for (const { image, expression, heldOut } of labelledFaces(source)) {
  const part = heldOut ? 'test' : 'train';
  const folder = join(out, part, expression);
  mkdirSync(folder, { recursive: true });
  copyFileSync(join(source, 'images', image), join(folder, image));
  counts[expression] ??= { train: 0, test: 0 };
  counts[expression][part] += 1;
}
console.table(counts);
