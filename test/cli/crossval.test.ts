import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { crossValidationSchema } from '#uafer/experiments/resultFiles.js';
import { uafer } from './run.js';
import { writeTinyProject } from './tinyProject.js';

let folder: string;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'uafer-crossval-'));
  await writeTinyProject(folder);
  // Pictures 0 and 5 are of one person, 1 and 6, ...
  const people = ['happy', 'sad'].flatMap((name) => Array.from({ length: 10 }, (_, i) => `${name}/${i}.png person ${i % 5}\n`));
  writeFileSync(join(folder, 'faces/subjects.txt'), people.join(''));
});
afterAll(() => rmSync(folder, { recursive: true }));

const inFolder = (...args: string[]) => uafer(args, { cwd: folder });
const crossval = (...args: string[]) => inFolder('crossval', '--recipe', 'tiny.yaml', '--data-path', 'faces', ...args);
const json = (path: string) => JSON.parse(readFileSync(join(folder, path), 'utf8'));

interface Fold {
  people: string[];
  figures: Record<string, number>;
  samples: number;
}

describe('uafer crossval', () => {
  it('tests everyone once by a model that never saw them, and gives mean, deviation and all answers together', async () => {
    const { code, stdout, stderr } = await crossval('--folds', '3', '--out', 'out');
    expect(stderr).toContain('5 people in 3 folds (dealt so that the folds are alike).');
    expect(stderr).toMatch(/Fold 2 of 3 .*: 2 people of 5 are the test part, and nobody stands in both\./);
    expect(code).toBe(0);
    expect(stdout).toMatch(/\nmean +\d+\.\d\d ± \d+\.\d\d .*\ntogether +5 +20 +\d+\.\d\d /);
    const { folds, figures, pooled } = crossValidationSchema.strict().parse(json('out/crossval.json'));
    expect(folds.flatMap(({ people }: Fold) => people).sort()).toEqual([0, 1, 2, 3, 4].map((i) => `person ${i}`));
    const tested = folds.map((_: Fold, i: number) => {
      const { rows } = json(`out/fold-${i + 1}/predictions.json`);
      // happy/3.png is of person 3.
      const people = new Set(rows.map(({ file }: { file: string }) => `person ${Number(/\d/.exec(file)?.[0]) % 5}`));
      expect([...people].sort()).toEqual([...folds[i].people].sort());
      return rows;
    });
    expect(new Set(tested.flat().map(({ file }: { file: string }) => file)).size).toBe(20);
    const right = tested.flat().filter(({ label, predicted }: Record<string, number>) => label === predicted).length;
    expect(pooled).toMatchObject({ samples: 20, figures: { accuracy: right / 20 } });
    const values = folds.map((fold: Fold) => fold.figures.negativeLogLikelihood as number);
    const mean = values.reduce((total: number, value: number) => total + value, 0) / 3;
    const variance = values.reduce((total: number, value: number) => total + (value - mean) ** 2, 0) / 2;
    expect(figures.negativeLogLikelihood.mean).toBeCloseTo(mean, 12);
    expect(figures.negativeLogLikelihood.deviation).toBeCloseTo(Math.sqrt(variance), 12);
  }, 60_000);

  it('does nothing again, and goes on with a fold that is missing', async () => {
    const before = readFileSync(join(folder, 'out/crossval.json'), 'utf8');
    rmSync(join(folder, 'out/fold-2'), { recursive: true });
    const { code, stderr } = await crossval('--folds', '3', '--out', 'out');
    expect(stderr).toContain('3 trainings, of which 2 are finished.');
    expect(stderr.match(/^--- .*/gm)).toEqual(['--- 2 of 3: fold 2']);
    expect(code).toBe(0);
    expect(readFileSync(join(folder, 'out/crossval.json'), 'utf8')).toBe(before);
  }, 60_000);

  it("a fold's run is evaluated on its own people, and a fold can be trained by itself", async () => {
    const { figures, samples } = json('out/crossval.json').folds[0];
    const evaluated = JSON.parse((await inFolder('eval', '--checkpoint', 'out/fold-1', '--json', '--quiet')).stdout);
    expect(evaluated).toMatchObject({
      samples,
      accuracy: figures.accuracy,
      negativeLogLikelihood: figures.negativeLogLikelihood,
    });
    await inFolder(
      'train',
      '--recipe',
      'tiny.yaml',
      '--data-path',
      'faces',
      '--folds',
      '3',
      '--fold',
      '1',
      '--out',
      'alone',
      '--quiet',
    );
    const alone = JSON.parse((await inFolder('eval', '--checkpoint', 'alone', '--json', '--quiet')).stdout);
    expect(alone.negativeLogLikelihood).toBe(evaluated.negativeLogLikelihood);
  }, 60_000);

  it('takes folds from a list, and refuses other folds and settings in the same folder', async () => {
    writeFileSync(join(folder, 'folds.txt'), 'person 0 1\nperson 1 2\nperson 2 2\nperson 3 1\nperson 4 2\n');
    const listed = await crossval('--fold-list', 'folds.txt', '--epochs', '1', '--out', 'listed', '--json', '--quiet');
    expect(JSON.parse(listed.stdout).folds.map(({ people }: Fold) => people)).toEqual([
      ['person 0', 'person 3'],
      ['person 1', 'person 2', 'person 4'],
    ]);
    const others = await crossval('--folds', '4', '--out', 'out');
    expect(others).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(/folds\.json has other folds \(3\) than these \(4\)/),
    });
    const settings = await crossval('--folds', '3', '--out', 'out', '--lr', '0.5');
    expect(settings).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('fold 3: optimizer.lr: the run has 0.001, asked for 0.5'),
    });
  }, 60_000);

  it.each<[string, string[], string, RegExp]>([
    [
      'a person in two folds',
      ['--fold-list', 'shared.txt'],
      'person 0 1\nperson 1 2\nperson 2 2\nperson 3 1\nperson 4 2\nperson 0 2\n',
      /shared\.txt:6: "person 0" is in fold 2, but in fold 1 on line 1: folds must not share a person/,
    ],
    ['more folds than people', [], '', /shows 5 people, too few for 10 folds/],
    ['a list and a number', ['--fold-list', 'shared.txt', '--folds', '2'], '', /give one of the two/],
    [
      'a fold in a configuration',
      ['--config', 'shared.txt'],
      'data: { fold: 2, folds: 3 }\n',
      /data\.fold: every fold is trained\. Take the line out of shared\.txt/,
    ],
    ['one fold', ['--folds', '1'], '', /--folds: expected a whole number of at least 2, got 1/],
  ])('%s is an error before anything is trained', async (_, args, list, message) => {
    writeFileSync(join(folder, 'shared.txt'), list);
    const { code, stderr } = await crossval(...args, '--out', 'never');
    expect(stderr).toMatch(message);
    expect(code).toBeGreaterThan(0);
    expect(existsSync(join(folder, 'never'))).toBe(false);
  });

  it('pictures of which nobody says who is seen are no folds', async () => {
    rmSync(join(folder, 'faces/subjects.txt'));
    const { code, stderr } = await crossval('--folds', '2', '--out', 'never');
    expect(stderr).toMatch(/nothing says who is seen in its pictures.*subjects\.txt.*--subject-pattern/);
    expect(code).toBe(1);
    const byName = await crossval(
      '--folds',
      '2',
      '--subject-pattern',
      '^([0-9])',
      '--epochs',
      '1',
      '--out',
      'by-name',
      '--quiet',
    );
    expect(byName.code).toBe(0);
  }, 60_000);
});
