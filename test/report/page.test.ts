import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseHTML } from 'linkedom';
import type { Browser } from 'playwright-core';
import sharp from 'sharp';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { computeMetrics } from '#uafer/metrics/metrics.js';
import { computeTrust } from '#uafer/metrics/trust.js';
import { reportPage } from '#uafer/report/page.js';
import { readSubject } from '#uafer/report/subject.js';
import { writeReport } from '#uafer/report/writeReport.js';
import { type Examples, writeExamples } from '#uafer/run/examplesFile.js';
import { type PredictionRow, writePredictions } from '#uafer/run/predictionsFile.js';
import { CLASSES, madeUpAnswers } from '../support/answers.js';
import { launchBrowser, missingBrowser } from '../support/browser.js';
import { temporaryFolder } from '../support/pictures.js';

let folder: ReturnType<typeof temporaryFolder>;
beforeEach(() => {
  folder = temporaryFolder();
});
afterEach(() => folder[Symbol.dispose]());

/** Writes predictions and returns their path. */
function write(name: string, rows: readonly PredictionRow[], classes: readonly string[] = CLASSES): string {
  const path = join(folder.path, name);
  writePredictions(path, classes, rows);
  return path;
}
async function pageOf(...paths: string[]) {
  const html = await reportPage(paths.map(readSubject));
  const { document } = parseHTML(html);
  const all = (selector: string) => [...document.querySelectorAll(selector)];
  return { html, document, all, headings: all('h2').map(({ textContent }) => textContent) };
}
/** What would be seen if a figure that is not defined were drawn. */
const BROKEN = /NaN|undefined|Infinity/;
/** Pictures are letters of any order. */
const withoutPictures = (html: string) => html.replace(/base64,[\w+/=]*/g, '');

/** Examples of the first pictures: patches for each class. */
async function examplesOf(rows: readonly PredictionRow[], classes: readonly string[], side = 7): Promise<Examples> {
  const thumbnail = (
    await sharp({ create: { width: 96, height: 96, channels: 3, background: '#887766' } })
      .jpeg()
      .toBuffer()
  ).toString('base64');
  const marks = Array.from({ length: 16 }, (_, i): [number, number] => [3 * i, 1 - i / 16]);
  const heatmap = { rows: side, columns: side, classes: Object.fromEntries(classes.map((name) => [name, marks])) };
  const shown = rows.slice(0, 24).map(({ file }, row) => ({ row, file, thumbnail, heatmap }));
  const points = rows.map((_, i): [number, number, number] => [i, Math.sin(i), Math.cos(3 * i)]);
  const numbers = shown.map(({ row }) => row);
  return {
    plane: { explained: [0.4, 0.2], points },
    mistakes: numbers.slice(0, 12),
    uncertain: numbers.slice(6),
    pictures: shown,
  };
}

const corruptions = ['motion-blur', 'low-light'].flatMap((name, k) =>
  [1, 2, 3].map((severity) => ({
    name,
    title: name.replace('-', ' '),
    severity,
    metrics: { accuracy: 0.8 - 0.1 * severity - 0.05 * k, expectedCalibrationError: 0.05 * severity, errorAuroc: null },
    scores: { topProbability: { errorAuroc: 0.7 }, entropy: null },
    outliers: { topProbability: { auroc: 0.5 + 0.1 * severity } },
  })),
);

const found = { auroc: 0.7, aupr: 0.6, fpr95: null };
const others = { folder: 'birds', samples: 9, ordinary: 300, outliers: { topProbability: found, entropy: null }, means: {} };

it('of everything that an evaluation can have has a section each', async () => {
  const rows = madeUpAnswers({ samples: 300, calibrated: true });
  const path = write('out.json', rows);
  writeExamples(path, await examplesOf(rows, CLASSES));
  writeFileSync(join(folder.path, 'out.corruptions.json'), JSON.stringify(corruptions));
  writeFileSync(join(folder.path, 'ood.json'), JSON.stringify(others));
  const { html, all, headings } = await pageOf(path);
  expect(headings).toEqual([
    'Summary',
    'Test set',
    'Probabilities',
    'Uncertainty and errors',
    'Decisions',
    'Ambiguity and votes',
    'Features',
    'Spoilt pictures',
    'Other pictures',
    'Most certain mistakes',
    'Least certain pictures',
  ]);
  expect(all('.verdicts h3').map(({ textContent }) => textContent)).toEqual([
    'How good',
    'Its probabilities',
    'Whether it knows its errors',
    'What it reports',
    'Where people disagree',
    'When pictures are bad',
  ]);
  const panels = all('.panel figcaption').map(({ textContent }) => textContent);
  // Accuracy and calibration, errors found, and told apart.
  expect(panels).toEqual(Array(3).fill(['motion blur', 'low light']).flat());
  expect(all('#other-pictures tbody tr').map(({ textContent }) => textContent)).toEqual(['top probability0.70000.6000-']);
  // Each link of the page leads to a place on it.
  const targets = all('a[href]').map((link) => link.getAttribute('href') as string);
  expect(targets.length).toBeGreaterThan(headings.length);
  for (const target of targets) expect(all(target), target).toHaveLength(1);
  expect(withoutPictures(html).match(BROKEN)).toBeNull();
  // A boolean, for a page would be a long message.
  expect(/<script|<link|src=|@import|url\(|https?:\/\/(?!www\.w3\.org)/.test(html)).toBe(false);
});

it('draws a curve a score, and the best possible one dashed', async () => {
  const { all } = await pageOf(write('out.json', madeUpAnswers({ samples: 200, calibrated: true })));
  const chart = all('.wide svg[aria-label="risk by coverage"]')[0];
  expect(chart?.querySelectorAll('[stroke-dasharray] path, path[stroke-dasharray]')).toHaveLength(1);
  const paths = [...(chart?.querySelectorAll('g[aria-label="line"] path') ?? [])];
  // Eight scores of a Dirichlet and the best.
  expect(paths).toHaveLength(9);
});

it('shows the patches of the answer and of the label, those of every class folded away, and a picture once', async () => {
  const rows = madeUpAnswers({ samples: 60 });
  const path = write('out.json', rows);
  writeExamples(path, await examplesOf(rows, CLASSES));
  const { html, all } = await pageOf(path);
  expect(all('.card')).toHaveLength(12 + 18);
  expect(html.match(/data:image\/jpeg;base64,/g)).toHaveLength(24);
  const [first] = all('.card');
  const wrong = rows[0]?.label !== rows[0]?.predicted;
  expect(first?.querySelectorAll('.faces:not(.all) figure')).toHaveLength(wrong ? 3 : 2);
  expect(
    [...(first?.querySelectorAll('details figcaption') ?? [])].map(({ textContent }) => textContent?.split(' ')[0]),
  ).toEqual(CLASSES);
  // Patches 0, 3 and 6 of 7 columns are in the first row, and speak most.
  expect(first?.querySelector('path.p4')?.getAttribute('d')).toMatch(/^M0 0h1v1h-1zM3 0h1v1h-1zM6 0h1v1h-1z/);
  for (const use of all('use')) expect(all(use.getAttribute('href') as string)).toHaveLength(1);
});

it('leaves out the metrics and the corruptions of other answers, and says so', async () => {
  const path = write('out.json', madeUpAnswers({ samples: 30 }));
  writeFileSync(join(folder.path, 'metrics.json'), JSON.stringify({ confusion: [[1]], negativeLogLikelihood: 1 }));
  writeFileSync(join(folder.path, 'corruptions.json'), JSON.stringify(corruptions));
  const { document, headings } = await pageOf(path);
  expect(document.querySelector('.note')?.textContent).toContain('metrics.json is of other answers');
  expect(headings).not.toContain('Spoilt pictures');
});

it('counts votes as the evaluation did', () => {
  const rows = madeUpAnswers({ samples: 60, calibrated: true });
  const path = write('out.json', rows);
  const counting = { singles: 'drop', others: 'drop' } as const;
  const trust = computeTrust(rows, CLASSES.length, { counting, bootstrap: { resamples: 20, seed: 1 } });
  writeFileSync(join(folder.path, 'metrics.json'), JSON.stringify({ ...computeMetrics(rows, CLASSES), ...trust }));
  expect(readSubject(path).evaluated?.answers?.trust).toEqual(trust);
  expect(trust.votes?.divergence).not.toBe(computeTrust(rows, CLASSES.length).votes?.divergence);
});

it('names what is wrong with corruptions', () => {
  const path = write('out.json', madeUpAnswers({ samples: 30 }));
  writeFileSync(join(folder.path, 'corruptions.json'), JSON.stringify([{ name: 'noise', severity: 'high' }]));
  expect(() => readSubject(path)).toThrow(/corruptions\.json holds no figures of `uafer eval --corruptions`: .*severity/s);
});

describe('of the least that there can be has stated values, and nothing that is no number', () => {
  const row = (label: number, predicted: number, uncertainty = 0.4): PredictionRow => ({
    ...{ file: 'a.png', label, predicted, uncertainty },
    logits: [2, 1, 0],
    probabilities: [0.6, 0.3, 0.1],
  });
  it.each([
    ['one picture', [row(0, 0)], 'too few pictures to say'],
    ['one wrong picture', [row(1, 0)], 'every answer is wrong'],
    ['no error', Array.from({ length: 40 }, (_, i) => row(0, 0, i / 40)), 'every answer is right'],
    [
      'a score that is always the same',
      Array.from({ length: 40 }, (_, i) => row(i % 2, 0)),
      'It is the same for every picture, so that it tells nothing apart.',
    ],
    [
      'classes without a picture',
      Array.from({ length: 40 }, (_, i) => row(0, i % 2, i / 40)),
      'There is no picture of sad, fear',
    ],
  ])('%s', async (_, rows, said) => {
    const { document, html } = await pageOf(write('out.json', rows));
    expect(document.body.textContent).toContain(said);
    expect(html.match(BROKEN)).toBeNull();
  });

  it('a single class', async () => {
    const rows = Array.from({ length: 3 }, () => ({ ...row(0, 0), logits: [1], probabilities: [1] }));
    expect((await pageOf(write('out.json', rows, ['happy']))).html.match(BROKEN)).toBeNull();
  });

  it('answers that are none are an error that names the file', () => {
    const path = write('out.json', [{ ...row(0, 0), probabilities: [0.9, 0.9, 0.1] }]);
    expect(() => readSubject(path)).toThrow(`${path}: Prediction 0 (from 0) is not an answer`);
  });
});

describe('of several', () => {
  it('compares them first, the best of each row marked, and then has each', async () => {
    const rows = madeUpAnswers({ samples: 100 });
    const worse = rows.map((row) => ({ ...row, predicted: 0, probabilities: row.probabilities.map((p) => p + 1e-9) }));
    const { document, headings, all, html } = await pageOf(write('good.json', rows), write('bad.json', worse));
    expect(headings).toEqual(['Side by side', 'good', 'bad']);
    const [comparison] = all('table');
    const cells = [...(comparison?.querySelectorAll('tbody tr') ?? [])].map((row) => [...row.children]);
    const accuracy = cells.find(([name]) => name?.textContent === 'accuracy ↑');
    expect(accuracy?.map(({ className }) => className)).toEqual(['', 'best', '']);
    expect(document.body.textContent).not.toContain('not to be compared');
    // The same to all digits that are shown.
    expect(cells.find(([name]) => name?.textContent === 'Brier score ↓')?.map(({ className }) => className)).toEqual([
      '',
      '',
      '',
    ]);
    const ids = all('[id]').map(({ id }) => id);
    expect(new Set(ids).size).toBe(ids.length);
    for (const link of all('a[href]')) expect(all(link.getAttribute('href') as string)).toHaveLength(1);
    expect(withoutPictures(html).match(BROKEN)).toBeNull();
  });

  it('marks none where the pictures differ, and says that they do', async () => {
    const rows = madeUpAnswers({ samples: 100 });
    const others = rows.map((row) => ({ ...row, file: `other-${row.file}`, predicted: 0 }));
    const { document, all } = await pageOf(write('a.json', rows), write('b.json', others));
    expect(document.body.textContent).toContain('asked about different pictures: their figures are not to be compared');
    expect(all('table')[0]?.querySelectorAll('.best')).toHaveLength(0);
  });
});

describe('of 3000 pictures of eight classes', () => {
  const classes = ['neutral', 'happy', 'surprise', 'sad', 'anger', 'disgusted', 'fear', '<contempt> & "co"'];

  async function large(): Promise<string> {
    const rows = madeUpAnswers({ samples: 3000, classes: 8, calibrated: true });
    const path = write('large.json', rows, classes);
    writeExamples(path, await examplesOf(rows, classes, 14));
    writeFileSync(join(folder.path, 'large.corruptions.json'), JSON.stringify(corruptions));
    return path;
  }

  it('is under 3 MB', async () => {
    const { html } = await pageOf(await large());
    expect(Buffer.byteLength(html)).toBeLessThan(3_000_000);
  });

  describe.skipIf(missingBrowser)(missingBrowser ?? 'in Chromium', () => {
    let browser: Browser;
    beforeAll(async () => {
      browser = await launchBrowser();
    });
    afterAll(() => browser?.close());

    it('loads nothing, is no wider than a phone, fills a desk, and is read by keyboard and on paper', async () => {
      const html = join(folder.path, 'large.html');
      await writeReport([readSubject(await large())], html);
      const page = await browser.newPage({ viewport: { width: 390, height: 800 } });
      const [requests, errors]: [string[], string[]] = [[], []];
      page.on('request', (request) => requests.push(request.url()));
      page.on('console', (message) => errors.push(message.text()));
      page.on('pageerror', (error) => errors.push(error.message));
      await page.goto(`file://${html}`);
      const measure = () =>
        page.evaluate(() => {
          const root = document.documentElement;
          const drawn = [...document.querySelectorAll('.chart svg[aria-label]')].filter((svg) => svg.checkVisibility());
          return {
            width: root.scrollWidth,
            paper: getComputedStyle(document.body).backgroundColor,
            charts: drawn.map((svg) => svg.getBoundingClientRect().width),
            images: [...document.querySelectorAll('image')].map((image) => image.getBoundingClientRect().width),
          };
        });
      const phone = await measure();
      expect(phone.width).toBe(390);
      // The page less its margins of a letter's height, rounded.
      for (const width of phone.charts) expect(Math.abs(width - (390 - 32))).toBeLessThan(2);
      for (const width of phone.images) expect(width).toBeGreaterThan(40);

      await page.setViewportSize({ width: 1440, height: 900 });
      const desk = await measure();
      expect(desk.width).toBe(1440);
      // 84 letters' heights, of which two are margins.
      for (const width of desk.charts) expect(Math.abs(width - (84 * 16 - 32))).toBeLessThan(2);

      await page.emulateMedia({ colorScheme: 'dark' });
      expect((await measure()).paper).not.toBe(desk.paper);
      await page.emulateMedia({ colorScheme: 'dark', media: 'print' });
      expect((await measure()).paper).toBe(desk.paper);
      await page.emulateMedia({ media: null, colorScheme: null });

      await page.keyboard.press('Tab');
      expect(await page.evaluate(() => document.activeElement?.textContent)).toBe('To the report');
      const details = page.locator('details').first();
      await details.locator('summary').focus();
      await page.keyboard.press('Enter');
      expect(await details.getAttribute('open')).not.toBeNull();
      expect(requests.filter((url) => !url.startsWith('data:'))).toEqual([`file://${html}`]);
      expect(errors).toEqual([]);
      await page.close();
    });
  });
});

it('of a folder that is no run says what was expected', () => {
  mkdirSync(join(folder.path, 'empty'));
  expect(() => readSubject(join(folder.path, 'empty'))).toThrow(
    /is not a run folder: expected .* or a file that `uafer eval --predictions`/,
  );
});
