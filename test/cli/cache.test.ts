/** What a run keeps, through the real command: made by `uafer cache` before it, by an earlier run, or not at all. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import sharp from 'sharp';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { fixture } from '../support/fixtures.js';
import { main, type Outcome, uafer } from './run.js';

const TRAIN = 14;
const TEST = 5;
const ALL = { what: 'features of the teacher', there: 2 * TRAIN, all: 2 * TRAIN };
let folder: string;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'uafer-cache-'));
  cpSync(fixture('tiny2h_clip.safetensors'), join(folder, 'clip.safetensors'));
  await writeRafDb(join(folder, 'raf/basic'), TRAIN);
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** RAF-DB's layout, whose augmentation has two variants of a picture. */
async function writeRafDb(basic: string, train: number): Promise<void> {
  const pictures = join(basic, 'Image/aligned_224');
  for (const path of [pictures, join(basic, 'EmoLabel')]) mkdirSync(path, { recursive: true });
  const names = Array.from({ length: train + TEST }, (_, i) => `${i < train ? 'train' : 'test'}_${i}.jpg`);
  for (const [i, name] of names.entries()) {
    const pixels = Buffer.from(Array.from({ length: 40 * 40 * 3 }, (_, j) => (j * (i + 3) + (j >> 4) * 11) % 256));
    await sharp(pixels, { raw: { width: 40, height: 40, channels: 3 } })
      .jpeg()
      .toFile(join(pictures, name));
  }
  const list = (file: string, entry: (i: number) => unknown) =>
    writeFileSync(join(basic, 'EmoLabel', file), names.map((_, i) => `${i + 1} ${entry(i)}\n`).join(''));
  list('images.txt', (i) => names[i]);
  list('image_class_labels.txt', (i) => (i % 7) + 1);
  list('train_test_split.txt', (i) => Number(i < train));
}

const SETTINGS = [
  ...['--recipe', 'released', '--clip-path', 'clip.safetensors', '--dataset', 'rafdb', '--data-path', 'raf/basic'],
  ...['--device', 'cpu', '--threads', '1', '--workers', '0', '--topk', '4', '--batch-size', '4', '--test-batch-size', '4'],
  ...['--fix-layer', '1', '--epochs', '6', '--warmup-epochs', '0', '--lr', '0.001', '--log-every', '1'],
];
const keeping = (where: string) => ({ cwd: folder, env: { UAFER_PICTURES: join(folder, where) } });
const train = (out: string, where: string, ...more: string[]) =>
  uafer(['train', ...SETTINGS, '--out', out, ...more], keeping(where));
const cache = (where: string, ...more: string[]): Promise<Outcome> => uafer(['cache', ...SETTINGS, ...more], keeping(where));
const losses = (out: string) =>
  readFileSync(join(folder, out, 'log.jsonl'), 'utf8')
    .trim()
    .split('\n')
    .flatMap((line) => JSON.parse(line).loss ?? []);
const filesOf = (where: string, ending: string) => readdirSync(join(folder, where)).filter((name) => name.endsWith(ending));

test('cold, half filled, filled before, not at all, or resumed: a run has the same bits', { timeout: 180_000 }, async () => {
  expect(await train('off', 'off', '--cache-pictures', 'off')).toMatchObject({ code: 0 });
  const expected = losses('off');
  // Of 6 epochs of 4 steps, and of each epoch.
  expect(expected).toHaveLength(6 * 4 + 6);

  const cold = await train('cold', 'kept');
  expect(cold.stderr).toContain(`0 of ${2 * TRAIN} features of the teacher are kept in `);
  const warm = await train('warm', 'kept');
  expect(warm.stderr).toMatch(new RegExp(`[1-9]\\d* of ${2 * TRAIN} features`));
  await train('half', 'half', '--max-steps', '3');
  const kept = filesOf('half', '.features');
  expect(kept).toHaveLength(1);
  await train('after-half', 'half');
  expect(await uafer(['train', '--resume', 'half', '--max-steps', '0'], keeping('half'))).toMatchObject({ code: 0 });
  for (const out of ['cold', 'warm', 'after-half', 'half']) expect(losses(out), out).toEqual(expected);

  const ahead = await cache('ahead');
  expect(ahead, ahead.stderr).toMatchObject({ code: 0 });
  expect(ahead.stderr).toMatch(`${TRAIN + TEST} pictures and ${2 * TRAIN} features of the teacher are in `);
  const filled = await train('ahead-run', 'ahead');
  expect(filled.stderr).toContain(`${2 * TRAIN} of ${2 * TRAIN} features of the teacher are kept in `);
  expect(losses('ahead-run')).toEqual(expected);
  expect(filesOf('ahead', '.features')).toHaveLength(1);
});

test.each([
  ['fp32', 1e-5],
  // Eight bits of fraction in what the first trained block sees, and some steps that follow from it.
  ['bf16', 0.02],
])(
  'with the output of the frozen blocks kept in %s the losses are those without, and the same bits whatever was there',
  {
    timeout: 120_000,
  },
  async (kind, tolerance) => {
    const out = `prefix-${kind}`;
    for (const time of [1, 2]) {
      const { code, stderr } = await train(`${out}-${time}`, out, '--cache-prefix', kind);
      expect(code, stderr).toBe(0);
      // Not every picture is seen mirrored in 6 epochs.
      expect(stderr).toMatch(new RegExp(`${time === 1 ? '0' : '2\\d'} of ${2 * TRAIN} outputs of the frozen blocks`));
    }
    expect(losses(`${out}-2`)).toEqual(losses(`${out}-1`));
    await train(`${out}-none`, out);
    const without = losses(`${out}-none`);
    for (const [i, loss] of losses(`${out}-1`).entries()) expect(Math.abs(loss - without[i])).toBeLessThan(tolerance);
    await cache(out, '--cache-prefix', kind);
    const { stdout } = await cache(out, '--cache-prefix', kind, '--json', '--quiet');
    expect(JSON.parse(stdout).kept).toMatchObject([ALL, { ...ALL, what: 'outputs of the frozen blocks' }]);
    await train(`${out}-part`, out, '--cache-prefix', kind, '--max-steps', '3');
    const other = await uafer(['train', '--resume', `${out}-part`, '--cache-prefix', 'off'], keeping(out));
    expect(other).toMatchObject({ code: 2, stderr: expect.stringContaining('data.cachePrefix') });
  },
);

test('several processes fill and read the same file', async () => {
  for (const out of ['two', 'two-again']) {
    const { code, stderr } = await train(out, 'two-kept', '--nproc', '2');
    expect(code, stderr).toBe(0);
  }
  expect(filesOf('two-kept', '.features')).toHaveLength(1);
  expect(losses('two-again')).toEqual(losses('two'));
});

test('other weights are told apart by what is in them, not by their name', async () => {
  await cache('weights');
  const bytes = readFileSync(join(folder, 'clip.safetensors'));
  const changed = Buffer.from(bytes);
  changed[changed.length - 2] = (changed[changed.length - 2] as number) ^ 1;
  writeFileSync(join(folder, 'clip.safetensors'), changed);
  try {
    const { stdout } = await cache('weights', '--json', '--quiet');
    expect(JSON.parse(stdout)).toMatchObject({ pictures: TRAIN + TEST, kept: [ALL], finished: true });
    expect(filesOf('weights', '.features')).toHaveLength(2);
  } finally {
    writeFileSync(join(folder, 'clip.safetensors'), bytes);
  }
});

test('where there is no room, cache says so and fails, and training goes on', async () => {
  const { code, stderr } = await cache('small', '--cache-pictures', '0.02MB');
  expect(code).toBe(1);
  expect(stderr.match(/No more features of the teacher are kept in \S+: they take 0 MB/g)).toHaveLength(1);
  const run = await train('small-run', 'small', '--cache-pictures', '0.02MB', '--max-steps', '4');
  expect(run.code).toBe(0);
  expect(run.stderr.match(/No more features of the teacher/g)).toHaveLength(1);
});

test('what keeps nothing of the teacher keeps pictures, and says so', async () => {
  const { code, stderr } = await cache('plain', '--distillation', 'none');
  expect(code).toBe(0);
  expect(stderr).toContain('What the teacher says of the pictures is not kept');
  expect(stderr).toMatch(`${TRAIN + TEST} pictures are in `);
  expect([filesOf('plain', '.pictures'), filesOf('plain', '.features')].map(({ length }) => length)).toEqual([1, 0]);
});

test('nothing to keep, an unknown option and a missing list are errors that say what to do', async () => {
  expect(await cache('no', '--cache-pictures', 'off')).toMatchObject({
    code: 2,
    stderr: expect.stringContaining('--cache-pictures off keeps nothing: name a size'),
  });
  expect(await cache('no', '--augmentt', 'none')).toMatchObject({ code: 2, stderr: expect.stringContaining('--augment') });
  expect(await cache('no', '--data-path', 'nowhere')).toMatchObject({ code: 1, stderr: expect.stringContaining('nowhere') });
});

test('Ctrl-C leaves what is there, and the same command goes on', async () => {
  // So many that the signal comes long before the last one, on a busy machine too.
  const many = 300;
  await writeRafDb(join(folder, 'many/basic'), many);
  const args = [...SETTINGS, '--data-path', 'many/basic', '--test-batch-size', '1'];
  const child = spawn(process.execPath, [main, 'cache', ...args], {
    cwd: folder,
    env: { ...process.env, ...keeping('stopped').env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let stderr = '';
  child.stderr.on('data', (chunk) => {
    stderr += chunk;
  });
  const found = () => {
    try {
      return filesOf('stopped', '.features').length > 0;
    } catch {
      return false;
    }
  };
  while (!found() && child.exitCode === null) await new Promise((resolve) => setTimeout(resolve, 2));
  child.kill('SIGINT');
  const [code] = await once(child, 'close');
  expect(code, stderr).toBe(130);
  expect(stderr).toContain('Stopped. The same command goes on.');
  const { stdout } = await uafer(['cache', ...args, '--json', '--quiet'], keeping('stopped'));
  expect(JSON.parse(stdout)).toMatchObject({ pictures: many + TEST, kept: [{ there: 2 * many }], finished: true });
});
