import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { computeMetrics } from '#uafer/metrics/metrics.js';
import { formatMetrics } from '#uafer/report/metricsText.js';
import { writePredictions } from '#uafer/run/predictionsFile.js';

const classes = ['happy', 'sad', 'contempt'];
const prediction = (file: string, label: number, predicted: number) => ({
  file,
  label,
  predicted,
  logits: [0.5, Math.fround(0.1), -0.25],
  probabilities: [0.5, 0.3, 0.2],
  uncertainty: 0.75,
});
const predictions = [prediction('a "b".jpg', 0, 0), prediction('c.jpg', 1, 0), prediction('d.jpg', 1, 1)];

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'uafer-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

it('the predictions file holds the classes and a row a picture, number for number', () => {
  const path = join(folder, 'new', 'predictions.json');
  writePredictions(path, classes, predictions);
  expect(JSON.parse(readFileSync(path, 'utf8'))).toEqual({ classes, rows: predictions });
  expect(readdirSync(join(folder, 'new'))).toEqual(['predictions.json']);
});

it('an empty predictions file is JSON too', () => {
  const path = join(folder, 'predictions.json');
  writePredictions(path, classes, []);
  expect(JSON.parse(readFileSync(path, 'utf8'))).toEqual({ classes, rows: [] });
});

it('the table for the terminal says what there is, and which classes have no pictures', () => {
  expect(formatMetrics(computeMetrics(predictions, classes))).toBe(`pictures                         3
accuracy                         66.67% (33.33% is chance)
mean class accuracy              75.00% (33.33% is chance; without contempt: no pictures)
macro F1                         66.67%
negative log-likelihood          1.0337
Brier score                      0.6467
expected calibration error       0.2333
AUROC of uncertainty for errors  0.5000 (0.5 is chance)
area under risk-coverage curve   0.3333 (0.3333 is chance)

class     pictures  precision   recall      F1
happy            1     50.00%  100.00%  66.67%
sad              2    100.00%   50.00%  66.67%
contempt         0          -        -       -

true \\ predicted  happy  sad  contempt
happy                 1    0         0
sad                   1    1         0
contempt              0    0         0`);
});

it('the table says where figures are worse than chance, whichever way is better', () => {
  const sure = (label: number, predicted: number, uncertainty: number) => ({
    ...prediction('x', label, predicted),
    uncertainty,
  });
  const text = formatMetrics(computeMetrics([sure(0, 0, 0.9), sure(1, 1, 0.8), sure(0, 1, 0.1)], classes), {
    note: 'Mind this.',
  });
  expect(text).toContain('AUROC of uncertainty for errors  0.0000 (0.5 is chance: this is worse)');
  expect(text).toContain('area under risk-coverage curve   0.6111 (0.3333 is chance: this is worse)');
  expect(text).toMatch(/this is worse\)\n\nMind this\.\n\nclass/);
});
