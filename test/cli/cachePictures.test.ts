import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { uafer } from './run.js';
import { train, writeTinyProject } from './tinyProject.js';

let folder: string;
let cwd: { cwd: string; env: Record<string, string> };

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'uafer-kept-'));
  cwd = { cwd: folder, env: { UAFER_PICTURES: join(folder, 'kept') } };
  await writeTinyProject(folder);
});
afterEach(() => rmSync(folder, { recursive: true }));

const losses = (run: string) =>
  readFileSync(join(folder, run, 'log.jsonl'), 'utf8')
    .trim()
    .split('\n')
    .flatMap((line) => JSON.parse(line).loss ?? []);
const told = (text: string, what: RegExp) => text.match(new RegExp(what, 'g'))?.length ?? 0;

test('a run keeps its pictures, and one that finds them has the same numbers as one that decodes', async () => {
  expect(await uafer(train('--cache-pictures', 'off', '--out', 'off'), cwd)).toMatchObject({ code: 0 });
  expect(readdirSync(folder)).not.toContain('kept');
  for (const out of ['first', 'second']) expect(await uafer(train('--out', out), cwd)).toMatchObject({ code: 0 });
  const [file, ...others] = readdirSync(join(folder, 'kept'));
  expect(others).toEqual([]);
  // A slot of a page for each of 20 pictures, and the first page.
  expect(statSync(join(folder, 'kept', file as string)).blocks * 512).toBeGreaterThanOrEqual(21 * 4096);
  expect(losses('first')).toEqual(losses('off'));
  expect(losses('second')).toEqual(losses('off'));
});

test('--resume takes another size, and damage and a full disk are told once', async () => {
  await uafer(train('--max-steps', '1'), cwd);
  const [file] = readdirSync(join(folder, 'kept'));
  truncateSync(join(folder, 'kept', file as string), 5000);
  const resumed = await uafer(['train', '--resume', 'run', '--cache-pictures', '0.01MB', '--max-steps', '4'], cwd);
  expect(resumed.code).toBe(0);
  expect(told(resumed.stderr, /\.pictures: it was cut off\. What was damaged is made anew\./)).toBe(1);
  expect(told(resumed.stderr, /No more decoded pictures are kept in \S+kept: they take 0 MB/)).toBe(1);
  const evaluated = await uafer(['eval', '--checkpoint', 'run', '--cache-pictures', '8GB'], cwd);
  expect(evaluated).toMatchObject({ code: 0 });
});

test('where nothing can be kept, training says so once and goes on', async () => {
  writeFileSync(join(folder, 'kept'), '');
  const { code, stderr } = await uafer(train(), cwd);
  expect(code).toBe(0);
  expect(told(stderr, /No more decoded pictures are kept in \S+: a file stands where a folder is needed/)).toBe(1);
});

test('a size that is none is refused with what is expected', async () => {
  const { code, stderr } = await uafer(train('--cache-pictures', '8 gigs'), cwd);
  expect(code).toBe(2);
  expect(stderr).toMatch(/--cache-pictures: expected a size such as 8GB or 500MB, or off/);
});
