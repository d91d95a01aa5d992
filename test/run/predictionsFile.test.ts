import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { packagePath } from '#uafer/paths.js';
import { readPredictions, writePredictions } from '#uafer/run/predictionsFile.js';
import { CLASSES, madeUpAnswers } from '../support/answers.js';
import { temporaryFolder } from '../support/pictures.js';

const folder = temporaryFolder();
afterAll(() => folder[Symbol.dispose]());
const path = join(folder.path, 'out.json');

it.each([false, true])('is read as it was written, calibrated or not: %s', (calibrated) => {
  const rows = madeUpAnswers({ samples: 5, calibrated });
  writePredictions(path, CLASSES, rows);
  expect(readPredictions(path)).toEqual({ classes: CLASSES, rows });
});

it('is read from what version 0.1.0 wrote', () => {
  const { classes, rows } = readPredictions(packagePath('test', 'fixtures', 'run-0.1.0', 'predictions.json'));
  expect(rows.length).toBeGreaterThan(0);
  for (const row of rows) expect(row.probabilities).toHaveLength(classes.length);
});

describe('what is no predictions file is refused by its name, with what is wrong', () => {
  const row = { file: 'a.png', label: 0, predicted: 1, logits: [0, 1], probabilities: [0.4, 0.6], uncertainty: 0.1 };
  const file = (...rows: unknown[]) => JSON.stringify({ classes: ['happy', 'sad'], rows });
  it.each([
    ['nothing', '', 'is not JSON'],
    ['no answer', file(), 'holds no prediction'],
    ['other JSON', '{"accuracy": 1}', 'classes: Invalid input'],
    ['NaN', file(row).replace('0.1', 'NaN'), 'is not JSON'],
    ['null for NaN', file({ ...row, uncertainty: null }), 'rows.0.uncertainty: Invalid input'],
    ['a class that is none', file(row, { ...row, label: 2 }), 'row 1 (from 0, a.png) has label 2'],
    ['too few logits', file({ ...row, logits: [1] }), 'has 1 logits'],
    ['too few parameters', file({ ...row, alpha: [1] }), 'has 1 alpha'],
    ['too few votes', file({ ...row, votes: [1] }), 'has votes for 1 answers'],
    ['a set of no class', file({ ...row, set: [2] }), 'none of the 2'],
    ['a decision that is none', file({ ...row, decision: 'maybe' }), 'rows.0.decision'],
  ])('%s', (_, contents, message) => {
    writeFileSync(path, contents);
    const refused = expect.objectContaining({ code: 'DATA', message: expect.stringContaining(path) });
    expect(() => readPredictions(path)).toThrow(refused);
    expect(() => readPredictions(path)).toThrow(message);
  });
});
