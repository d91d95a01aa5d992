import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { type Examples, readExamples, writeExamples } from '#uafer/run/examplesFile.js';
import { temporaryFolder } from '../support/pictures.js';

const examples: Examples = {
  plane: { explained: [0.5, 0.25], points: [[0, 1.5, -2]] },
  mistakes: [1],
  uncertain: [0],
  pictures: [{ row: 1, file: 'a.png', thumbnail: 'AAAA', heatmap: { rows: 2, columns: 2, classes: { happy: [[3, 0.5]] } } }],
};

let folder: ReturnType<typeof temporaryFolder>;
let predictions: string;
beforeEach(() => {
  folder = temporaryFolder();
  predictions = join(folder.path, 'out.json');
  writeFileSync(predictions, '{}');
});
afterEach(() => folder[Symbol.dispose]());

it('are read as they were written, beside the predictions', () => {
  expect(readExamples(predictions)).toBeNull();
  writeExamples(predictions, examples);
  expect(readExamples(predictions)).toEqual(examples);
});

it('of predictions that were written over since are left out', () => {
  writeExamples(predictions, examples);
  writeFileSync(predictions, '[]');
  expect(readExamples(predictions)).toBeNull();
});

it('that are damaged are refused by name', () => {
  writeExamples(predictions, examples);
  writeFileSync(join(folder.path, 'out.examples.json'), '{"format": "uafer-examples"');
  expect(() => readExamples(predictions)).toThrow(/out\.examples\.json is damaged: .*Delete it/s);
});
