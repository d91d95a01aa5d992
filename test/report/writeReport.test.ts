import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseHTML } from 'linkedom';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { computeMetrics, METRICS } from '#uafer/metrics/metrics.js';
import { writeRunReport } from '#uafer/report/writeReport.js';
import { writePredictions } from '#uafer/run/predictionsFile.js';

const classes = ['happy', 'sad', '<i>'];
const scored = (label: number, predicted: number) => ({ label, predicted, probabilities: [0.5, 0.3, 0.2], uncertainty: 0.5 });
const metrics = computeMetrics([...Array(17).fill(scored(0, 0)), scored(0, 1), scored(1, 1)], classes);
const stepLine = (step: number) => ({
  kind: 'step',
  epoch: 0,
  step,
  loss: 1 / step,
  loss_kd: 0.1,
  lr: 2e-5 * step,
  images_per_s: 8,
});
const epochLine = {
  ...stepLine(4000),
  kind: 'epoch',
  test_loss: null,
  test_accuracy: 0.5,
  test_mean_class_accuracy: 0.25,
  test_macro_f1: 0.5,
  test_calibration_error: 0.5,
  test_error_auroc: null,
  test_aurc: 0.5,
  seconds_wait: 1,
  seconds_compute: 1,
  seconds_evaluate: 1,
};

let folder: string;
beforeEach(() => {
  folder = join(mkdtempSync(join(tmpdir(), 'uafer-')), 'my <run>');
  mkdirSync(folder);
});
afterEach(() => rmSync(join(folder, '..'), { recursive: true }));

const write = (name: string, text: string) => writeFileSync(join(folder, name), text);
const writeLog = (lines: object[]) => write('log.jsonl', lines.map((line) => `${JSON.stringify(line)}\n`).join(''));
async function report(): Promise<{ html: string; document: Document; headings: string[] }> {
  const html = readFileSync(await writeRunReport(folder), 'utf8');
  const { document } = parseHTML(html);
  return { html, document, headings: [...document.querySelectorAll('h2')].map(({ textContent }) => textContent ?? '') };
}

it('shows the curves, the figures, every class, the confusion matrix and the configuration', async () => {
  write('config.yaml', 'recipe: "<released> & mine"\n');
  write('metrics.json', JSON.stringify({ epoch: 2, ...metrics, best: { metric: 'accuracy', value: 0.951, epoch: 1 } }));
  writeLog([...Array.from({ length: 4000 }, (_, i) => stepLine(i + 1)), epochLine]);
  const { html, document, headings } = await report();
  expect(headings).toEqual(['Summary', 'Test set after epoch 3', 'Training', 'Configuration']);
  expect(document.querySelector('h1')?.textContent).toBe('Run my <run>');
  expect(document.querySelector('pre')?.textContent).toBe('recipe: "<released> & mine"\n');
  expect(document.body.textContent).toContain('Best accuracy: 95.10% after epoch 2.');
  const [figures, perClass] = document.querySelectorAll('table');
  expect(figures?.textContent).toContain('accuracy94.74%');
  expect([...(perClass?.querySelectorAll('tbody tr') ?? [])].map((row) => row.children[0]?.textContent)).toEqual(classes);
  const texts = (of: Element | undefined) => [...(of?.querySelectorAll('text') ?? [])].map(({ textContent }) => textContent);
  const [confusion, loss, rate, test] = document.querySelectorAll('.wide svg[aria-label]');
  expect(texts(confusion)).toEqual(expect.arrayContaining(['17', 'predicted', '<i>']));
  expect(texts(loss)).toContain('↑ training loss');
  expect(texts(rate)).toContain('↑ learning rate');
  expect(texts(test)).toContain('↑ test set (%)');
  // Self-contained, and not a point for each of thousands of steps.
  expect(html).not.toMatch(/<script|<link|src=|@import|url\(/);
  expect(html.length).toBeLessThan(200_000);
});

it('shows every figure, and a dash for one that an earlier version did not know', async () => {
  write('config.yaml', '');
  const { negativeLogLikelihood, coverageAt5Risk, ...before } = metrics;
  write('metrics.json', JSON.stringify({ epoch: 0, ...before, best: null }));
  const { document } = await report();
  const rows = [...(document.querySelector('table')?.querySelectorAll('tbody tr') ?? [])].map((row) => row.textContent);
  expect(rows).toHaveLength(METRICS.length + 1);
  expect(rows).toContain('negative log-likelihood-');
  expect(rows).toContain('coverage at 5% risk-');
  expect(rows).toContain(`Brier score${metrics.brierScore.toFixed(4)}`);
});

it('is light or dark as the system is, and no wider than a phone: tables scroll in boxes, charts are drawn for three widths', async () => {
  write('config.yaml', 'recipe: released\n');
  write('metrics.json', JSON.stringify({ epoch: 0, ...metrics, best: null }));
  writeLog([stepLine(1), stepLine(2), epochLine]);
  const { html, document } = await report();
  expect(html).toMatch(/color-scheme: light dark.*@media \(prefers-color-scheme: dark\)/s);
  expect(document.querySelectorAll('table').length).toBeGreaterThan(1);
  for (const { parentElement } of document.querySelectorAll('table')) expect(parentElement?.className).toBe('scroll');
  const charts = [...document.querySelectorAll('.chart')];
  expect(charts).toHaveLength(4);
  for (const chart of charts) {
    const widths = [...chart.querySelectorAll('svg[aria-label]')].map((svg) => Number(svg.getAttribute('width')));
    expect(widths).toEqual([360, 760, 1280]);
    // What has a colour of its own would not be seen on the other paper.
    expect(chart.innerHTML).not.toMatch(/fill="(black|white)"/);
  }
});

it.each([
  ['task: uafer\nloss: { lossFunction: edl }\nmodel: { normalizeScores: true }\n', true],
  ['task: uafer\nloss: { lossFunction: ce }\nmodel: { normalizeScores: true }\n', false],
  ['task: pretrain\nloss: { lossFunction: edl }\nmodel: { normalizeScores: true }\n', false],
])('warns of the uncertainty of the released form, and of no other', async (config, warned) => {
  write('config.yaml', config);
  write('metrics.json', JSON.stringify({ epoch: 0, ...metrics, best: null }));
  const { document } = await report();
  expect(document.body.textContent?.includes('finds errors worse than chance')).toBe(warned);
  expect(document.body.textContent).toContain('(0.5 is chance)');
});

it('shows spoilt pictures of a run, and that they were shown to its best checkpoint where that is another', async () => {
  write('config.yaml', '');
  write('corruptions.json', JSON.stringify([{ name: 'noise', severity: 1, metrics: { accuracy: 0.5 } }]));
  const best = { metric: 'accuracy', value: 0.951, epoch: 1 };
  const noted = async (epoch: number) => {
    write('metrics.json', JSON.stringify({ epoch, ...metrics, best }));
    const { document, headings } = await report();
    expect(headings).toContain('Spoilt pictures');
    return document.body.textContent?.includes('the best one, after epoch 2, unless another was named');
  };
  expect(await noted(2)).toBe(true);
  expect(await noted(1)).toBe(false);
});

it('leaves out predictions of another epoch than its metrics, and says so', async () => {
  write('config.yaml', '');
  write('metrics.json', JSON.stringify({ epoch: 0, ...metrics, best: null }));
  const rows = [scored(0, 0), scored(1, 2)].map((each, i) => ({ file: `${i}.png`, logits: [3, 2, 1], ...each }));
  writePredictions(join(folder, 'test-predictions.json'), classes, rows);
  const { document, headings } = await report();
  expect(document.body.textContent).toContain('test-predictions.json is of another epoch than metrics.json: left out.');
  expect(headings).not.toContain('Probabilities');
});

it('says what a young run does not have yet', async () => {
  write('config.yaml', 'recipe: released\n');
  const { document, headings } = await report();
  expect(headings).toEqual(['Test set', 'Training', 'Configuration']);
  expect(document.body.textContent).toContain('has not been evaluated yet');
  expect(document.body.textContent).toContain('Nothing is logged yet');
  expect(document.querySelector('svg')).toBeNull();
});

it('draws small learning rates with short ticks', async () => {
  write('config.yaml', '');
  writeLog([stepLine(1), stepLine(2), stepLine(3)]);
  const { document } = await report();
  expect([...document.querySelectorAll('text')].map(({ textContent }) => textContent)).toContain('4e-5');
});

it('of a folder without a run is an error that names it', async () => {
  await expect(writeRunReport(folder)).rejects.toMatchObject({ code: 'USAGE', message: expect.stringContaining(folder) });
});

it('of broken metrics is an error that names the file', async () => {
  write('config.yaml', '');
  write('metrics.json', '{');
  await expect(writeRunReport(folder)).rejects.toMatchObject({
    code: 'DATA',
    message: expect.stringContaining('metrics.json'),
  });
});
