import { copyFileSync, cpSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { readSafetensors, scope, writeSafetensors } from '#uafer/engine/index.js';
import { uafer } from './run.js';
import { train, writeTinyProject } from './tinyProject.js';

let folder: string;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'uafer-eval-'));
  await writeTinyProject(folder);
  expect(await uafer(train('--quiet'), { cwd: folder })).toEqual({ code: 0, stdout: '', stderr: '' });
});
afterAll(() => rmSync(folder, { recursive: true }));

const evaluate = (...args: string[]) => uafer(['eval', ...args], { cwd: folder });
/** As in a checkpoint of uafer 0.1.0, whose files may be changed. */
function dropChecksums(run: string): void {
  const path = join(folder, run, 'checkpoints/best/state.json');
  const { files: _, ...state } = JSON.parse(readFileSync(path, 'utf8'));
  writeFileSync(path, JSON.stringify(state));
}
const json = (path: string) => JSON.parse(readFileSync(join(folder, path), 'utf8'));

test('a run is evaluated with its own settings, to the metrics that it wrote itself', async () => {
  const { code, stdout } = await evaluate('--checkpoint', 'run/checkpoints/last', '--json', '--quiet');
  expect(code).toBe(0);
  const { accuracy, meanClassAccuracy, confusion } = json('run/metrics.json');
  expect(JSON.parse(stdout)).toMatchObject({ dataset: 'folder', samples: 4, accuracy, meanClassAccuracy, confusion });
});

test('predictions and metrics are written, a row for each test picture', async () => {
  const { stdout, stderr } = await evaluate('--checkpoint', 'run', '--predictions', 'results/out.json');
  expect(stdout).toMatch(/accuracy +\d+\.\d\d%/);
  expect(stderr).toContain('Wrote results/out.json');
  const { classes, rows } = json('results/out.json');
  expect(classes).toEqual(['happy', 'sad']);
  expect(rows).toHaveLength(4);
  for (const row of rows) {
    expect(row.predicted).toBe(row.logits.indexOf(Math.max(...row.logits)));
    expect(row.probabilities[0] + row.probabilities[1]).toBeCloseTo(1, 5);
  }
  const correct = rows.filter((row: { label: number; predicted: number }) => row.label === row.predicted).length;
  expect(json('results/metrics.json').accuracy).toBe(correct / 4);
});

test('of a run the best checkpoint is taken, and it is said which', async () => {
  const { code, stdout, stderr } = await evaluate('--checkpoint', 'run', '--json');
  expect(code).toBe(0);
  expect(stderr).toContain("Taking the run's best checkpoint, run/checkpoints/best.");
  expect(JSON.parse(stdout).checkpoint).toBe('run/checkpoints/best');
});

test('a run that was ended before its first evaluation is evaluated with its last checkpoint, and says so', async () => {
  cpSync(join(folder, 'run'), join(folder, 'young'), { recursive: true });
  rmSync(join(folder, 'young/checkpoints/best'), { recursive: true });
  const { code, stdout, stderr } = await evaluate('--checkpoint', 'young', '--json');
  expect(code).toBe(0);
  expect(stderr).toContain('no best checkpoint yet: taking its last one, young/checkpoints/last');
  expect(JSON.parse(stdout)).toMatchObject({ checkpoint: 'young/checkpoints/last', samples: 4 });
  rmSync(join(folder, 'young/checkpoints'), { recursive: true });
  const without = await evaluate('--checkpoint', 'young');
  expect(without).toMatchObject({ code: 1, stderr: expect.stringContaining('young has no checkpoint yet') });
});

test('a damaged checkpoint is not evaluated', async () => {
  cpSync(join(folder, 'run'), join(folder, 'damaged'), { recursive: true });
  const file = join(folder, 'damaged/checkpoints/best/model.safetensors');
  const bytes = readFileSync(file);
  bytes[bytes.length - 1] = (bytes.at(-1) as number) ^ 128;
  writeFileSync(file, bytes);
  const { code, stderr } = await evaluate('--checkpoint', 'damaged');
  expect(stderr).toMatch(/damaged\/checkpoints\/best\/model\.safetensors is damaged: its checksum/);
  expect(code).toBe(1);
});

test('predictions that cannot be written do not take the metrics with them', async () => {
  writeFileSync(join(folder, 'file'), '');
  const { code, stdout } = await evaluate('--checkpoint', 'run', '--predictions', 'file/out.json', '--json', '--quiet');
  expect(JSON.parse(stdout).samples).toBe(4);
  expect(code).toBe(1);
});

test("a run's own metrics.json is not written over", async () => {
  const before = json('run/metrics.json');
  await evaluate('--checkpoint', 'run', '--predictions', 'run/out.json');
  expect(json('run/metrics.json')).toEqual(before);
  expect(existsSync(join(folder, 'run/out.metrics.json'))).toBe(true);
});

test("a checkpoint's weights alone say the same as the checkpoint", async () => {
  const [whole, weights] = await Promise.all([
    evaluate('--checkpoint', 'run', '--json', '--quiet'),
    evaluate('--checkpoint', 'run/checkpoints/best/model.safetensors', '--json', '--quiet'),
  ]);
  const { checkpoint: _, ...metrics } = JSON.parse(whole.stdout);
  expect(JSON.parse(weights.stdout)).toMatchObject(metrics);
});

test('CLIP weights classify without fine-tuning, and a fine-tuned model takes its text tower from --clip-path', async () => {
  copyFileSync(join(folder, 'run/checkpoints/best/model.safetensors'), join(folder, 'clip.safetensors'));
  const data = [
    '--dataset',
    'folder',
    '--data-path',
    'faces',
    '--topk',
    '4',
    '--device',
    'cpu',
    '--threads',
    '1',
    '--workers',
    '0',
  ];
  const zeroShot = await evaluate('--checkpoint', 'clip.safetensors', ...data, '--json', '--quiet');
  expect(zeroShot).toMatchObject({ code: 0, stderr: '' });

  const clip = ['--clip-path', 'clip.safetensors'];
  const steps = [
    '--fix-layer',
    '0',
    '--batch-size',
    '4',
    '--center-crop',
    '--epochs',
    '1',
    '--warmup-epochs',
    '0',
    '--lr',
    '0.01',
  ];
  const trained = await uafer(['train', ...data, ...clip, ...steps, '--out', 'tuned', '--quiet'], { cwd: folder });
  expect(trained).toEqual({ code: 0, stdout: '', stderr: '' });
  copyFileSync(join(folder, 'tuned/checkpoints/best/model.safetensors'), join(folder, 'tuned.safetensors'));
  await evaluate('--checkpoint', 'tuned', '--predictions', 'a/out.json', '--quiet');
  await evaluate('--checkpoint', 'tuned.safetensors', ...data, ...clip, '--predictions', 'b/out.json', '--quiet');
  await evaluate('--checkpoint', 'clip.safetensors', ...data, '--predictions', 'c/out.json', '--quiet');
  expect(json('b/out.json')).toEqual(json('a/out.json'));
  expect(json('c/out.json')).not.toEqual(json('a/out.json'));
});

test('a result that does not fit on the disk is an error in one line', async () => {
  const outcome = await uafer(['eval', '--checkpoint', 'run', '--quiet'], { cwd: folder, stdoutTo: '/dev/full' });
  expect(outcome).toEqual({
    code: 1,
    stdout: '',
    stderr:
      'uafer: The result could not be written to the standard output: no space is left on the disk (ENOSPC, write). ' +
      'Make room on it, or choose another disk.\n',
  });
});

test('--subset evaluates the pictures that it names', async () => {
  await evaluate('--checkpoint', 'run', '--predictions', 'all/out.json', '--quiet');
  const names = json('all/out.json').rows.map((row: { file: string }) => row.file);
  writeFileSync(join(folder, 'some.txt'), `${names[0]}\n${names[2]}\n`);
  await evaluate('--checkpoint', 'run', '--subset', 'some.txt', '--predictions', 'some/out.json', '--quiet');
  expect(json('some/out.json').rows.map((row: { file: string }) => row.file)).toEqual([names[0], names[2]]);
  writeFileSync(join(folder, 'none.txt'), 'nobody.png\n');
  const unknown = await evaluate('--checkpoint', 'run', '--subset', 'none.txt');
  expect(unknown).toMatchObject({ code: 1, stderr: expect.stringContaining('none.txt:1') });
  const absent = await evaluate('--checkpoint', 'run', '--subset', 'absent.txt');
  expect(absent).toMatchObject({
    code: 1,
    stderr: expect.stringContaining(
      'absent.txt cannot be read: it does not exist (ENOENT): --subset takes a file with the names of test pictures',
    ),
  });
});

test('--bootstrap gives every figure an interval, the same ones again, and --scores shows every score', async () => {
  const once = await evaluate('--checkpoint', 'run', '--bootstrap', '40', '--scores', '--predictions', 'trust/out.json');
  expect(once.stdout).toMatch(
    /^pictures +4 {2}\(95% intervals of 40 resamples\)\naccuracy +\d+\.\d\d% +\d+\.\d\d% to \d+\.\d\d%/,
  );
  expect(once.stdout).toMatch(/\nfinds errors by +AUROC ↑ +AUPR ↑ +FPR95 ↓ .*\ntop probability +\S+/);
  expect(once.stdout).toMatch(/\nOnly answers that are Dirichlet distributions have: vacuity, /);
  expect(once.stdout).toMatch(/\nBrier score \d\.\d{4} = /);
  const { intervals, scores, votes, brier, negativeLogLikelihood } = json('trust/metrics.json');
  expect(intervals).toMatchObject({ resamples: 40, seed: 42, level: 0.95 });
  expect(intervals.metrics.negativeLogLikelihood[0]).toBeLessThanOrEqual(negativeLogLikelihood);
  expect(intervals.metrics.negativeLogLikelihood[1]).toBeGreaterThanOrEqual(negativeLogLikelihood);
  expect(scores).toMatchObject({ topProbability: { aurc: expect.any(Number) }, vacuity: null });
  expect(votes).toBeNull();
  expect(brier.score).toBeCloseTo(json('trust/metrics.json').brierScore, 12);
  const again = await evaluate('--checkpoint', 'run', '--bootstrap', '40', '--json', '--quiet');
  expect(JSON.parse(again.stdout)).toMatchObject({ intervals, scores });
  const plain = await evaluate('--checkpoint', 'run', '--quiet');
  expect(plain.stdout).not.toMatch(/finds errors by|equal-mass| to /);
  const wrong = await evaluate('--checkpoint', 'run', '--bootstrap', 'many');
  expect(wrong).toMatchObject({ code: 2, stderr: expect.stringContaining('Expected a whole number of at least 0') });
});

test('FER+ is compared with its votes, and either of its test parts can be chosen', async () => {
  const header = 'Usage,Image name,neutral,happiness,surprise,sadness,anger,disgust,fear,contempt,unknown,NF';
  const lines = [
    'PublicTest,a.png,8,1,0,0,0,0,0,0,1,0',
    'PublicTest,b.png,0,9,0,0,0,0,0,0,0,1',
    'PublicTest,c.png,0,0,0,6,3,0,0,0,1,0',
    'PrivateTest,d.png,0,0,0,0,10,0,0,0,0,0',
  ];
  for (const part of ['FER2013Valid', 'FER2013Test'])
    cpSync(join(folder, 'faces/happy'), join(folder, 'fer', part), { recursive: true });
  for (const name of 'abc') copyFileSync(join(folder, 'faces/sad/0.png'), join(folder, `fer/FER2013Valid/${name}.png`));
  copyFileSync(join(folder, 'faces/sad/0.png'), join(folder, 'fer/FER2013Test/d.png'));
  writeFileSync(join(folder, 'fer/fer2013new.csv'), `${[header, ...lines].join('\n')}\n`);
  copyFileSync(join(folder, 'run/checkpoints/best/model.safetensors'), join(folder, 'clip.safetensors'));
  const data = ['--dataset', 'ferplus', '--data-path', 'fer', '--topk', '4', '--workers', '0', '--threads', '1'];
  const model = ['--checkpoint', 'clip.safetensors', '--clip-path', 'clip.safetensors'];
  const valid = await evaluate(...model, ...data, '--scores', '--predictions', 'fer/out.json');
  expect(valid.stderr).not.toMatch(/uafer:/);
  expect(valid.stdout).toContain('3 pictures with votes (single votes kept, answers that are no class dropped)');
  expect(valid.stdout).toMatch(/\nvacuity +\S+/);
  const { rows } = json('fer/out.json');
  expect(rows.map(({ file, votes }: { file: string; votes: number[] }) => [file, votes])).toEqual([
    ['a.png', [8, 1, 0, 0, 0, 0, 0, 0, 1, 0]],
    ['b.png', [0, 9, 0, 0, 0, 0, 0, 0, 0, 1]],
    ['c.png', [0, 0, 0, 6, 3, 0, 0, 0, 1, 0]],
  ]);
  // The Dirichlet's parameters say the vacuity.
  for (const { alpha, uncertainty } of rows)
    expect(8 / alpha.reduce((sum: number, a: number) => sum + a, 0)).toBeCloseTo(uncertainty, 6);
  expect(json('fer/metrics.json').votes).toMatchObject({
    samples: 3,
    counting: { singles: 'keep', others: 'drop' },
    divergence: expect.any(Number),
    dirichletLogLikelihood: expect.any(Number),
  });
  const otherwise = ['--single-votes', 'drop', '--other-votes', 'keep'];
  const counted = await evaluate(...model, ...data, ...otherwise, '--scores', '--predictions', 'fer/otherwise.json', '--quiet');
  expect(counted.stdout).toContain('3 pictures with votes (single votes dropped, answers that are no class kept)');
  expect(json('fer/metrics.json').votes.counting).toEqual({ singles: 'drop', others: 'keep' });
  const privately = await evaluate(...model, ...data, '--ferplus-test', 'test', '--predictions', 'fer/private.json', '--quiet');
  expect(privately.code).toBe(0);
  expect(json('fer/private.json').rows.map(({ file }: { file: string }) => file)).toEqual(['d.png']);
  const wrong = await evaluate(...model, ...data, '--ferplus-test', 'both');
  expect(wrong).toMatchObject({ code: 2, stderr: expect.stringContaining('--ferplus-test: expected one of valid, test') });
});

test('what is no checkpoint is named', async () => {
  expect(await evaluate()).toMatchObject({ code: 2, stderr: expect.stringContaining("'--checkpoint <path>' not specified") });
  const given = ['--data-path', 'faces', '--recipe', 'tiny.yaml'];
  const absent = await evaluate('--checkpoint', 'absent.pth', ...given);
  expect(absent).toMatchObject({ code: 1, stderr: expect.stringContaining('absent.pth: expected a file of weights') });
  const text = await evaluate('--checkpoint', 'tiny.yaml', ...given);
  expect(text).toMatchObject({
    code: 1,
    stderr: expect.stringContaining('tiny.yaml is neither safetensors nor an archive of PyTorch'),
  });
});

test('weights of another model are refused by the name of the tensor', async () => {
  const other = readFileSync(join(folder, 'tiny.yaml'), 'utf8').replace('embedDim: 16', 'embedDim: 32');
  writeFileSync(join(folder, 'other.yaml'), other);
  const { code, stderr } = await evaluate('--checkpoint', 'run', '--config', 'other.yaml', '--data-path', 'faces');
  expect(code).toBe(1);
  expect(stderr).toMatch(/uafer: run: "[\w.]+" has shape \[.*16.*\], this model expects \[.*32.*\]/);
});

test("pictures are made as the model's own description says, not as the data set's row", async () => {
  cpSync(join(folder, 'run'), join(folder, 'other'), { recursive: true });
  const weights = join(folder, 'other/checkpoints/best/model.safetensors');
  dropChecksums('other');
  scope(() => {
    const { tensors, metadata } = readSafetensors(weights);
    const { classes, preprocessing } = JSON.parse(metadata.uafer as string);
    expect({ classes, preprocessing }).toMatchObject({ classes: ['happy', 'sad'], preprocessing: { imageSize: 16 } });
    const described = { classes, preprocessing: { ...preprocessing, mean: [0, 0, 0] } };
    writeSafetensors(weights, tensors, { ...metadata, uafer: JSON.stringify(described) });
  });
  await evaluate('--checkpoint', 'run', '--predictions', 'as-trained/out.json');
  await evaluate('--checkpoint', 'other', '--predictions', 'other-mean/out.json');
  const logits = (path: string) => json(path).rows.map((row: { logits: number[] }) => row.logits);
  expect(logits('other-mean/out.json')).not.toEqual(logits('as-trained/out.json'));
});

test('a model that was trained on pictures of another size is refused', async () => {
  cpSync(join(folder, 'run'), join(folder, 'larger'), { recursive: true });
  const weights = join(folder, 'larger/checkpoints/best/model.safetensors');
  dropChecksums('larger');
  scope(() => {
    const { tensors, metadata } = readSafetensors(weights);
    writeSafetensors(weights, tensors, {
      ...metadata,
      uafer: (metadata.uafer as string).replace('"imageSize":16', '"imageSize":32'),
    });
  });
  const { code, stderr } = await evaluate('--checkpoint', 'larger');
  expect({ code, stderr }).toMatchObject({
    code: 1,
    stderr: expect.stringMatching(/larger was trained on pictures of 32 pixels/),
  });
});

test('predictions tell plain statistics of each picture', async () => {
  await evaluate('--checkpoint', 'run', '--predictions', 'described/out.json', '--quiet');
  for (const { file, picture } of json('described/out.json').rows) {
    // The tiny project's pictures are of one grey and 16 pixels wide.
    const luminance = (file.startsWith('happy') ? 200 : 60) / 255;
    expect(picture).toEqual({
      luminance: expect.closeTo(luminance, 6),
      contrast: expect.closeTo(0, 6),
      sharpness: expect.closeTo(0, 6),
      faceSize: 16,
    });
  }
});
