/** `uafer eval --corruptions` and `--ood` through the real command line, on real faces. */
import { cpSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, it, test } from 'vitest';
import { decodePicture } from '#uafer/codec/decode.js';
import { CORRUPTIONS, type Corruption, corrupted } from '#uafer/corruptions/corruptions.js';
import { packagePath } from '#uafer/paths.js';
import { exampleFaces } from '../support/exampleFaces.js';
import { temporaryFolder, writePng } from '../support/pictures.js';
import { uafer } from './run.js';
import { train, writeTinyProject } from './tinyProject.js';

const folder = temporaryFolder();
afterAll(() => folder[Symbol.dispose]());
const at = (...parts: string[]) => join(folder.path, ...parts);
const json = (path: string) => JSON.parse(readFileSync(at(path), 'utf8'));

const small = packagePath('models', 'uafer-clip-small.safetensors');
const faces = packagePath('examples', 'faces');
const zeroShot = (dataPath: string, ...args: string[]) =>
  uafer(['eval', '--checkpoint', small, '--dataset', 'rafdb', '--data-path', dataPath, '--threads', '2', '--quiet', ...args], {
    cwd: folder.path,
  });

interface Row {
  name: string;
  severity: number;
  metrics: Record<string, number | null>;
  scores: Record<string, Record<string, number | null> | null>;
  outliers: Record<string, Record<'auroc' | 'aupr' | 'fpr95', number> | null>;
  means: Record<string, number | null>;
}
interface Predicted {
  probabilities: number[];
  logits: number[];
}

/** The share of pairs in which the second has the larger score, equal ones counting half. */
function pairs(negatives: number[], positives: number[]): number {
  const won = positives.flatMap((p) => negatives.map((n) => (p > n ? 1 : p === n ? 0.5 : 0)));
  return won.reduce<number>((sum, value) => sum + value, 0) / won.length;
}
const topProbability = (rows: Predicted[]) => rows.map(({ probabilities }) => 1 - Math.max(...probabilities));

let rows: Row[];
let printed: string;
beforeAll(async () => {
  const { code, stdout, stderr } = await zeroShot(
    faces,
    ...['--corruptions', 'lowResolution,eyes', '--predictions', 'clean/out.json'],
  );
  expect(code, stderr).toBe(0);
  rows = json('clean/corruptions.json');
  printed = stdout;
}, 120_000);

describe('pictures that are spoilt', () => {
  it('have a row for each kind and severity, with the figures of the whole set and of every score', () => {
    expect(rows.map(({ name, severity }) => `${name} ${severity}`)).toEqual(
      ['lowResolution', 'eyes'].flatMap((name) => [1, 2, 3, 4, 5].map((severity) => `${name} ${severity}`)),
    );
    for (const { metrics, scores, outliers } of rows) {
      expect(metrics.accuracy).toBeGreaterThanOrEqual(0);
      expect(metrics.expectedCalibrationError).toBeGreaterThan(0);
      expect(scores.entropy?.errorAuroc).toBeGreaterThan(0);
      expect(outliers.energy).toEqual({ auroc: expect.any(Number), aupr: expect.any(Number), fpr95: expect.any(Number) });
      // By the released recipe the answers are evidential.
      expect([scores.vacuity?.aurc, outliers.vacuity?.auroc]).toEqual([expect.any(Number), expect.any(Number)]);
    }
  });

  it('are answered as pictures that were spoilt on the disk are', async () => {
    const corruption: Corruption = { kind: 'lowResolution', severity: 4 };
    cpSync(faces, at('spoilt'), { recursive: true });
    for (const { name, path, train: trained } of exampleFaces()) {
      if (trained) continue;
      const { data, width, height } = corrupted(await decodePicture(path), corruption, name);
      const png = await sharp(data, { raw: { width, height, channels: 3 } })
        .png()
        .toBuffer();
      writeFileSync(at('spoilt/basic/Image/aligned_224', name), png);
    }
    const outcome = await zeroShot(at('spoilt'), '--json', '--predictions', 'there/out.json');
    const there = JSON.parse(outcome.stdout);
    const row = rows.find(({ name, severity }) => name === corruption.kind && severity === corruption.severity) as Row;
    for (const [name, value] of Object.entries(row.metrics)) expect(there[name], name).toEqual(value);
    expect(row.scores).toEqual(there.scores);
    const [clean, spoilt] = [json('clean/out.json').rows, json('there/out.json').rows].map(topProbability);
    expect(row.outliers.topProbability?.auroc).toBeCloseTo(pairs(clean as number[], spoilt as number[]), 12);
    const mean = (spoilt as number[]).reduce((sum, value) => sum + value, 0) / (spoilt as number[]).length;
    expect(row.means.topProbability).toBeCloseTo(mean, 12);
  }, 60_000);

  it('are harder the more they are spoilt, and never easier than those as they are', () => {
    const accuracies = rows.filter(({ name }) => name === 'lowResolution').map(({ metrics }) => metrics.accuracy as number);
    expect(accuracies.at(-1)).toBeLessThan(accuracies[0] as number);
    expect(accuracies.at(-1)).toBeLessThan(json('clean/metrics.json').accuracy);
  });

  it('stand in tables on the terminal', () => {
    expect(printed).toMatch(/\naccuracy +as it is +1 +2 +3 +4 +5\nlow resolution +\d+\.\d\d%.*\neyes covered .*\nmean /);
    expect(printed).toMatch(/\nexpected calibration error +as it is +1 /);
    expect(printed).toMatch(/\nspoilt pictures found by \(mean AUROC\) +1 .* worst at 5\ntop probability +0\.\d{4}/);
  });

  it('are the same again, by any number of threads', async () => {
    const again = await zeroShot(faces, '--corruptions', 'eyes', '--robustness-to', 'again', '--workers', '2');
    expect(again.code, again.stderr).toBe(0);
    expect(json('again/corruptions.json')).toEqual(rows.filter(({ name }) => name === 'eyes'));
  }, 60_000);

  it('are answered by an export as by its checkpoint', async () => {
    const data = ['--dataset', 'rafdb', '--data-path', faces];
    const made = await uafer(['export', small, '--to', 'model', ...data, '--clip-path', small, '--quiet'], {
      cwd: folder.path,
    });
    expect(made.code, made.stderr).toBe(0);
    writePng(at('others/deep/one.png'), 40, 60);
    const { code, stderr } = await uafer(
      ['eval', '--checkpoint', 'model', ...data, '--corruptions', 'eyes', '--ood', 'others', '--robustness-to', 'exported'],
      { cwd: folder.path },
    );
    expect(code, stderr).toBe(0);
    const exported: Row[] = json('exported/corruptions.json');
    for (const [i, row] of rows.filter(({ name }) => name === 'eyes').entries()) {
      // Logits differ by rounding (1e-5): no figure that counts answers may move.
      expect(exported[i]?.metrics.accuracy).toBe(row.metrics.accuracy);
      expect(exported[i]?.metrics.negativeLogLikelihood).toBeCloseTo(row.metrics.negativeLogLikelihood as number, 4);
      expect(exported[i]?.outliers.entropy?.auroc).toBeCloseTo(row.outliers.entropy?.auroc as number, 2);
    }
    expect(json('exported/ood.json')).toMatchObject({ folder: 'others', samples: 1, ordinary: 55 });
  }, 60_000);
});

describe('a folder of other pictures', () => {
  it('tells of each score how well it finds them', async () => {
    for (let i = 0; i < 7; i++) await writePng(at(`textures/deep/${i}.png`), 30 + i, 50, i);
    writeFileSync(at('textures/notes.md'), 'left alone');
    const { code, stdout, stderr } = await zeroShot(faces, '--ood', 'textures', '--robustness-to', 'textured');
    expect(code, stderr).toBe(0);
    expect(stdout).toMatch(
      /\n7 pictures of textures beside 55 of the test\nother pictures found by +AUROC ↑ +AUPR ↑ +FPR95 ↓\n/,
    );
    // The same pictures' middles as a data set of their own, so that their answers are known.
    cpSync(faces, at('textured-faces'), { recursive: true });
    const shown = exampleFaces().flatMap(({ name, train: trained }) => (trained ? [] : [name]));
    for (const [i, name] of shown.entries())
      cpSync(at(`textures/deep/${i % 7}.png`), at('textured-faces/basic/Image/aligned_224', name));
    await zeroShot(at('textured-faces'), '--center-crop', '--predictions', 'textured/out.json');
    const first = new Set(shown.slice(0, 7));
    const others = topProbability(json('textured/out.json').rows.filter(({ file }: { file: string }) => first.has(file)));
    const ordinary = topProbability(json('clean/out.json').rows);
    const { outliers, samples } = json('textured/ood.json');
    expect(samples).toBe(7);
    expect(outliers.topProbability.auroc).toBeCloseTo(pairs(ordinary, others), 12);
  }, 60_000);
});

describe('wrong input', () => {
  beforeAll(() => mkdirSync(at('empty')));

  it.each([
    [
      'a kind that there is not',
      ['--corruptions', 'eyes,jpg'],
      /no corruption "jpg"\. Did you mean "jpeg"\? Expected some of gauss/,
    ],
    ['no folder', ['--ood', 'nowhere'], /--ood nowhere does not exist: expected a folder of pictures/],
    ['a folder without a picture', ['--ood', 'empty'], /--ood empty holds no picture \(\.jpg /],
    ['a file', ['--ood', small], /is no folder: expected a folder/],
  ])('%s', async (_, args, message) => {
    const { code, stdout, stderr } = await zeroShot(faces, ...args);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toMatch(message);
  });

  it('what cannot be read among the others is an error that says so', async () => {
    mkdirSync(at('broken'));
    writeFileSync(at('broken/a.png'), 'no picture');
    const { code, stderr } = await zeroShot(faces, '--ood', 'broken');
    expect(code).toBe(1);
    expect(stderr).toMatch(/1 of 1 pictures could not be read so far/);
  });
});

test('of a run all kinds are kept in its folder; without a run it is said how to keep them', async () => {
  await writeTinyProject(folder.path);
  expect((await uafer(train('--quiet'), { cwd: folder.path })).code).toBe(0);
  const { code, stderr } = await uafer(['eval', '--checkpoint', 'run', '--corruptions', '--ood', 'faces'], {
    cwd: folder.path,
  });
  expect(code, stderr).toBe(0);
  expect(stderr).toMatch(/Wrote run\/corruptions\.json\.\nWrote run\/ood\.json\./);
  expect(stderr).toMatch(/spoiling: 65\/65 batches/);
  const kinds = new Set(json('run/corruptions.json').map(({ name }: Row) => name));
  expect([...kinds]).toEqual(CORRUPTIONS.map(({ name }) => name));
  const alone = ['eval', '--checkpoint', 'run/checkpoints/best/model.safetensors', '--corruptions', 'jpeg'];
  cpSync(at('run/checkpoints/best/model.safetensors'), at('alone.safetensors'));
  const without = await uafer([...alone.with(2, 'alone.safetensors'), '--config', 'run/config.yaml'], { cwd: folder.path });
  expect(without.code, without.stderr).toBe(0);
  expect(without.stderr).toContain('alone.safetensors belongs to no run: --robustness-to FOLDER keeps corruptions.json.');
  expect(existsSync(at('corruptions.json'))).toBe(false);
}, 60_000);
