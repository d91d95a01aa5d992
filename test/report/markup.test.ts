import { csvParse } from 'd3-dsv';
import { expect, it } from 'vitest';
import { computeTrust } from '#uafer/metrics/trust.js';
import { latex, markdown } from '#uafer/report/markup.js';
import { reportCsv, reportJson } from '#uafer/report/records.js';
import { evaluatedNow } from '#uafer/report/subject.js';
import { tablesOf } from '#uafer/report/tables.js';
import { CLASSES, madeUpAnswers } from '../support/answers.js';

const table = {
  title: '50% & more',
  heading: ['a_b', 'AUROC ↑'],
  rows: [
    ['x | y \\ {z}', { best: '0.9' }],
    ['<b>*#$~^', '-'],
  ],
  note: 'a\nb',
};

it('of Markdown keeps what stands in a cell text, in one line', () => {
  expect(markdown('r_1', [table])).toBe(
    [
      '# r\\_1',
      '',
      '## 50% & more',
      '',
      '| a\\_b | AUROC ↑ |',
      '| --- | ---: |',
      '| x \\| y \\\\ {z} | **0.9** |',
      '| \\<b\\>\\*\\#$\\~^ | - |',
      '',
      'a b',
      '',
    ].join('\n'),
  );
});

it('of LaTeX says its characters by commands', () => {
  const lines = latex([table]).split('\n');
  expect(lines).toContain('  \\caption{50\\% \\& more. a b}');
  expect(lines).toContain('  \\begin{tabular}{lr}');
  expect(lines).toContain('    a\\_b & AUROC $\\uparrow$ \\\\');
  expect(lines).toContain('    x \\textbar{} y \\textbackslash{} \\{z\\} & \\textbf{0.9} \\\\');
  expect(lines).toContain('    \\textless{}b\\textgreater{}*\\#\\$\\textasciitilde{}\\textasciicircum{} & - \\\\');
});

const rows = madeUpAnswers({ samples: 80, calibrated: true });
const trust = computeTrust(rows, CLASSES.length, { bootstrap: { resamples: 20, seed: 1 } });
const subject = evaluatedNow({ name: 'a, "b"', source: 'a', classes: CLASSES, releasedForm: false }, rows, {
  trust,
  examples: null,
  corruptions: [{ name: 'noise', severity: 2, metrics: { accuracy: 0.5, expectedCalibrationError: null } }],
});

it('the tables of an evaluation are its figures, classes, confusions, scores, votes, decisions and corruptions', () => {
  const tables = tablesOf([subject]);
  expect(tables.map(({ title }) => title)).toEqual([
    'figures of the test pictures',
    'classes',
    'confusion matrix',
    'scores of uncertainty',
    "people's votes",
    'decisions',
    'accuracy of spoilt pictures',
  ]);
  for (const { heading, rows: cells } of tables) for (const row of cells) expect(row).toHaveLength(heading.length);
  expect(tables[0]?.heading).toEqual(['metric', 'value', '95% interval']);
  expect(tablesOf([subject, subject])).toHaveLength(2 * tables.length + 1);
});

it('CSV has a line a figure, with its interval where there is one', () => {
  const records = csvParse(reportCsv([subject]));
  expect(new Set(records.map(({ group }) => group))).toEqual(
    new Set(['metric', 'class', 'score', 'votes', 'decision', 'corruption']),
  );
  expect(records.every(({ name }) => name === 'a, "b"')).toBe(true);
  const [low, high] = trust.intervals?.metrics.accuracy ?? [];
  expect(records.find(({ group, figure }) => group === 'metric' && figure === 'accuracy')).toMatchObject({
    value: String(subject.evaluated?.metrics.accuracy),
    low: String(low),
    high: String(high),
  });
  expect(records.find(({ group, of }) => group === 'corruption' && of === 'noise 2')).toMatchObject({
    figure: 'accuracy',
    value: '0.5',
  });
  const keys = records.map(({ group, of, figure }) => `${group} ${of} ${figure}`);
  expect(new Set(keys).size).toBe(keys.length);
});

it('JSON has all of it, with what is said in words', () => {
  const { format, subjects } = JSON.parse(reportJson([subject]));
  expect(format).toBe('uafer-report');
  expect(subjects[0]).toMatchObject({
    name: 'a, "b"',
    metrics: subject.evaluated?.metrics,
    votes: trust.votes,
    scores: trust.scores,
  });
  expect(subjects[0].verdicts.length).toBeGreaterThan(3);
});
