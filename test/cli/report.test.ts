import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { uafer } from './run.js';
import { train, writeTinyProject } from './tinyProject.js';

let folder: string;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'uafer-report-'));
  await writeTinyProject(folder);
  expect(await uafer(train('--quiet'), { cwd: folder })).toEqual({ code: 0, stdout: '', stderr: '' });
});
afterAll(() => rmSync(folder, { recursive: true }));

const report = (...args: string[]) => uafer(['report', ...args], { cwd: folder });
const read = (path: string) => readFileSync(join(folder, path), 'utf8');
const ENDINGS = ['html', 'json', 'csv', 'md', 'tex'];

test('a run has its report when it ends: with its test pictures, their figures and its training', () => {
  for (const ending of ENDINGS) expect(existsSync(join(folder, `run/report.${ending}`)), ending).toBe(true);
  const { subjects } = JSON.parse(read('run/report.json'));
  expect(subjects[0]).toMatchObject({ name: 'run', epoch: 1, notes: [] });
  expect(subjects[0].metrics.accuracy).toBe(JSON.parse(read('run/metrics.json')).accuracy);
  for (const heading of ['Least certain pictures', 'Features', 'Training', 'Configuration'])
    expect(read('run/report.html')).toContain(`<h2>${heading}</h2>`);
  expect(read('run/report.html')).toContain('data:image/jpeg;base64,');
});

test('is made again from the files of the run, the same to the last letter', async () => {
  const before = ENDINGS.map((ending) => read(`run/report.${ending}`));
  rmSync(join(folder, 'run/report.html'));
  expect(await report('run')).toMatchObject({ code: 0, stdout: 'run/report.html\n' });
  const after = ENDINGS.map((ending) => read(`run/report.${ending}`));
  // Of a run that ended elsewhere the folder has another path.
  const here = (text: string) => text.replaceAll(join(folder, 'run'), 'run');
  expect(after.map(here)).toEqual(before.map(here));
});

test('an evaluation has its report beside its predictions, or where it is asked for', async () => {
  const evaluation = await uafer(['eval', '--checkpoint', 'run', '--predictions', 'results/out.json'], { cwd: folder });
  expect(evaluation).toMatchObject({ code: 0, stderr: expect.stringContaining('Wrote results/out.report.html') });
  for (const ending of ENDINGS) expect(existsSync(join(folder, `results/out.report.${ending}`)), ending).toBe(true);
  const alone = await uafer(['eval', '--checkpoint', 'run', '--report', 'alone/page.html', '--quiet', '--json'], {
    cwd: folder,
  });
  expect(alone).toMatchObject({ code: 0, stderr: '' });
  expect(read('alone/page.html')).toContain('<h2>Summary</h2>');
  const again = await report('results/out.json', '--out', 'results/again.html', '--quiet');
  expect(again).toEqual({ code: 0, stdout: 'results/again.html\n', stderr: '' });
  const metrics = (path: string) => JSON.parse(read(path)).subjects[0].metrics;
  expect(metrics('results/again.json')).toEqual(metrics('results/out.report.json'));
});

test('several stand side by side in one page, here', async () => {
  const { code, stdout } = await report('run', 'results/out.json', '--json', '--quiet');
  expect(code).toBe(0);
  expect(JSON.parse(stdout).files).toEqual(ENDINGS.map((ending) => `report.${ending}`));
  expect(read('report.html')).toContain('<h2>Side by side</h2>');
  expect(read('report.csv')).toMatch(/^name,group,of,figure,value,low,high\nrun,metric,/);
});

test('a path of the report that is no page is refused before anything is evaluated', async () => {
  const { code, stdout, stderr } = await uafer(['eval', '--checkpoint', 'run', '--report', 'page.pdf'], { cwd: folder });
  expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
  expect(stderr).toContain('Expected a path that ends in .html');
});

test.each([
  [['nothing.json'], 1, 'nothing.json cannot be read: it does not exist'],
  [['faces'], 2, 'faces is not a run folder'],
  [['run', './run'], 2, './run is named twice'],
  [['run', '--out', 'page.pdf'], 2, 'Expected a path that ends in .html'],
  [[], 2, "missing required argument 'paths'"],
  [['run/metrics.json'], 1, 'run/metrics.json holds no predictions'],
])('%s is refused with what was expected', async (args, code, message) => {
  expect(await report(...args)).toMatchObject({ code, stdout: '', stderr: expect.stringContaining(message) });
});
