import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ablationSchema } from '#uafer/experiments/resultFiles.js';
import { main, uafer } from './run.js';
import { train, writeTinyProject } from './tinyProject.js';

let folder: string;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'uafer-ablate-'));
  await writeTinyProject(folder);
});
afterAll(() => rmSync(folder, { recursive: true }));

const inFolder = (...args: string[]) => uafer(args, { cwd: folder });
const json = (path: string) => JSON.parse(readFileSync(join(folder, path), 'utf8'));
const table = (name: string, text: string) => writeFileSync(join(folder, name), text);

const BASE = 'base: { recipe: tiny.yaml, dataPath: faces }\n';
const LONG = 'base: { recipe: tiny.yaml, dataPath: faces, optimizer: { epochs: 20 } }\nseeds: [1, 2]\nrows: [{ name: a }]\n';
const ENDLESS = LONG.replace('epochs: 20', 'epochs: 100000');

/** Runs the command until its output has `text`, then hands its process to `end`. */
function until(text: RegExp, args: readonly string[], end: (child: ChildProcess) => void) {
  return new Promise<{ code: number | null; stderr: string }>((resolve) => {
    const child = spawn(process.execPath, [main, ...args], { cwd: folder });
    let stderr = '';
    let ending = false;
    child.stderr.on('data', (chunk) => {
      stderr += chunk;
      if (ending || !text.test(stderr)) return;
      ending = true;
      end(child);
    });
    child.on('close', (code) => resolve({ code, stderr }));
  });
}

describe('uafer ablate', () => {
  it('trains a table, tells of a row that fails, and goes on with what is missing', async () => {
    table(
      'table.yaml',
      `${BASE}seeds: [1, 2]\nrows:\n  - name: plain\n  - name: broken\n    dataPath: later\n  - name: faster\n    optimizer: { lr: 0.01 }\n`,
    );
    const first = await inFolder('ablate', 'table.yaml', '--out', 'out', '--bootstrap', '50');
    expect(first.stderr).toContain('--- 5 of 6: faster, seed 1');
    expect(first.stdout).toMatch(/\nplain +2 +\d+\.\d\d ± \d+\.\d\d /);
    expect(first.stdout).toMatch(/\nbroken +0 of 2 +- /);
    expect(first.stdout).toMatch(
      /\nfaster +accuracy % +[+-]?\d+\.\d\d +[+-]?\d+\.\d\d to [+-]?\d+\.\d\d +[+-]?\d+\.\d\d to [+-]?\d+\.\d\d\n/,
    );
    expect(first.stdout).toMatch(/broken, seed 1 failed: --data-path: .*later does not exist/);
    expect(first.code).toBe(1);
    const before = json('out/ablation.json');
    expect(ablationSchema.strict().parse(before)).toEqual(before);
    expect(before.rows[1]).toMatchObject({ name: 'broken', figures: {}, differences: null });
    expect(before.rows[1].cells).toEqual(
      [1, 2].map((seed) => ({ seed, folder: `broken/seed-${seed}`, state: 'failed', error: expect.any(String) })),
    );
    expect(readFileSync(join(folder, 'out/ablation.md'), 'utf8')).toMatch(/^# table\n[\s\S]*\n\| plain \| 2 \| /);

    mkdirSync(join(folder, 'again'));
    await writeTinyProject(join(folder, 'again'));
    // The data of the failed row comes, and a seed is added: the others are not trained again.
    table(
      'table.yaml',
      readFileSync(join(folder, 'table.yaml'), 'utf8').replace('later', 'again/faces').replace('[1, 2]', '[1, 2, 3]'),
    );
    const log = readFileSync(join(folder, 'out/plain/seed-1/log.jsonl'), 'utf8');
    const second = await inFolder('ablate', 'table.yaml', '--out', 'out', '--bootstrap', '50');
    expect(second.stderr).toContain('9 trainings, of which 4 are finished.');
    expect(second.stderr.match(/^--- .*/gm)).toEqual([
      '--- 3 of 9: plain, seed 3',
      '--- 4 of 9: broken, seed 1',
      '--- 5 of 9: broken, seed 2',
      '--- 6 of 9: broken, seed 3',
      '--- 9 of 9: faster, seed 3',
    ]);
    expect(second.code).toBe(0);
    expect(readFileSync(join(folder, 'out/plain/seed-1/log.jsonl'), 'utf8')).toBe(log);
    const { rows } = json('out/ablation.json');
    expect(rows[0].cells.slice(0, 2)).toEqual(before.rows[0].cells);
    expect(rows[0].differences).toBeNull();
    // The same pictures under another path, and so the same answers.
    expect(rows[1].figures).toEqual(rows[0].figures);
    expect(rows[1].differences.negativeLogLikelihood).toMatchObject({
      mean: 0,
      deviation: 0,
      count: 3,
      overSeeds: [0, 0],
      overPictures: [0, 0],
    });
  }, 90_000);

  it("a cell's figures are those of uafer train and uafer eval, whatever was trained before it", async () => {
    await inFolder(...train('--seed', '2', '--lr', '0.01', '--out', 'alone', '--quiet'));
    const alone = JSON.parse((await inFolder('eval', '--checkpoint', 'alone', '--json', '--quiet')).stdout);
    const { accuracy, negativeLogLikelihood, expectedCalibrationError } = alone;
    const cell = json('out/faster/seed-2/evaluation.json');
    expect(cell.figures).toMatchObject({
      accuracy,
      negativeLogLikelihood,
      expectedCalibrationError,
      'scores.topProbability.aurc': alone.scores.topProbability.aurc,
    });
    const evaluated = JSON.parse((await inFolder('eval', '--checkpoint', 'out/faster/seed-2', '--json', '--quiet')).stdout);
    expect(evaluated).toMatchObject({ accuracy, negativeLogLikelihood });
    const { figures, differences } = json('out/ablation.json').rows[2];
    const [plain, faster] = ['plain', 'faster'].map((row) =>
      [1, 2, 3].map((seed) => json(`out/${row}/seed-${seed}/evaluation.json`).figures.negativeLogLikelihood),
    ) as [number[], number[]];
    const mean = (values: number[]) => values.reduce((total, value) => total + value, 0) / values.length;
    expect(figures.negativeLogLikelihood.mean).toBeCloseTo(mean(faster), 12);
    expect(differences.negativeLogLikelihood.mean).toBeCloseTo(
      mean(faster.map((value, i) => value - (plain[i] as number))),
      12,
    );
  }, 60_000);

  it('refuses to mix what was trained with other settings, by name, and changes nothing', async () => {
    const before = readFileSync(join(folder, 'out/ablation.json'), 'utf8');
    const text = readFileSync(join(folder, 'table.yaml'), 'utf8');
    table('changed.yaml', text.replace('lr: 0.01', 'lr: 0.02').replace('- name: plain', '- name: plain\n    calibrate: true'));
    const { code, stderr } = await inFolder('ablate', 'changed.yaml', '--out', 'out');
    expect(stderr).toContain('6 settings of runs that were begun or finished changed:');
    expect(stderr).toContain('  faster, seed 3: optimizer.lr: the run has 0.01, asked for 0.02\n');
    expect(stderr).toContain('  plain, seed 1: calibrate: the run has false, asked for true\n');
    expect(stderr).toContain('choose another folder with --out');
    expect(code).toBe(2);
    expect(readFileSync(join(folder, 'out/ablation.json'), 'utf8')).toBe(before);
  });

  it('leaves out the interval over pictures where predictions were deleted', async () => {
    rmSync(join(folder, 'out/faster/seed-1/predictions.json'));
    const { code, stdout } = await inFolder('ablate', 'table.yaml', '--out', 'out', '--json', '--quiet');
    const [, same, faster] = JSON.parse(stdout).rows;
    expect(faster.differences.accuracy).toMatchObject({ count: 3, overSeeds: expect.any(Array), overPictures: null });
    expect(same.differences.accuracy.overPictures).toEqual([0, 0]);
    expect(code).toBe(0);
  });

  it('a row may be calibrated before its evaluation', async () => {
    table(
      'calibrated.yaml',
      `${BASE}seeds: [1]\nrows:\n  - name: a\n    calibrate: true\n    data: { validShare: 0.5 }\n  - name: without pictures\n    calibrate: true\n`,
    );
    const { code, stdout } = await inFolder('ablate', 'calibrated.yaml', '--out', 'fitted', '--quiet');
    expect(code).toBe(1);
    expect(stdout).toMatch(/without pictures, seed 1 failed: .* has no validation pictures: .*--valid-share 0\.1/);
    expect(existsSync(join(folder, 'fitted/a/seed-1/calibration.json'))).toBe(true);
    const evaluated = JSON.parse((await inFolder('eval', '--checkpoint', 'fitted/a/seed-1', '--json', '--quiet')).stdout);
    const { figures, calibrated } = json('fitted/a/seed-1/evaluation.json');
    expect(calibrated).toBe(true);
    expect(figures.negativeLogLikelihood).toBe(evaluated.negativeLogLikelihood);
  }, 60_000);

  it('goes on after Ctrl-C and after a kill, to the result of one that was left alone', async () => {
    table('long.yaml', LONG);
    const command = (out: string) => ['ablate', 'long.yaml', '--out', out];
    const whole = await inFolder(...command('whole'));
    expect(whole.code).toBe(0);
    const stopped = await until(/epoch 3\//, command('broken-off'), (child) => child.kill('SIGINT'));
    expect(stopped.stderr).toContain('Stopping after this step, with a checkpoint.');
    expect(stopped.stderr).toMatch(/Stopped\. Go on with: uafer ablate long\.yaml --out .*broken-off/);
    expect(stopped.stderr).not.toContain('2 of 2');
    expect(stopped.code).toBe(130);
    expect(existsSync(join(folder, 'broken-off/ablation.json'))).toBe(false);
    await until(/2 of 2[\s\S]*epoch 5\//, command('broken-off'), (child) => child.kill('SIGKILL'));
    const last = await inFolder(...command('broken-off'));
    expect(last.stderr).toContain('2 trainings, of which 1 is finished.');
    expect(last.code).toBe(0);
    expect(json('broken-off/ablation.json')).toEqual(json('whole/ablation.json'));
  }, 90_000);

  it('whatever kills it ends its training too', async () => {
    table('endless.yaml', ENDLESS);
    let pid = 0;
    await until(/epoch 3\//, ['ablate', 'endless.yaml', '--out', 'endless'], (child) => {
      ({ pid } = json('endless/a/seed-1/lock.json'));
      expect(isAlive(pid)).toBe(true);
      child.kill('SIGKILL');
    });
    await expect.poll(() => isAlive(pid), { timeout: 5000 }).toBe(false);
  }, 60_000);

  it('a training that the system ends is a row that says so, and the others go on', async () => {
    table('killed.yaml', `${BASE}seeds: [1]\nrows: [{ name: a, optimizer: { epochs: 100000 } }, { name: b }]\n`);
    const { code, stderr } = await until(/epoch 3\//, ['ablate', 'killed.yaml', '--out', 'killed'], () =>
      process.kill(json('killed/a/seed-1/lock.json').pid, 'SIGKILL'),
    );
    expect(stderr).toContain('a, seed 1 failed: The process of this run was ended by SIGKILL: memory may have run out.');
    expect(stderr).toContain('--- 2 of 2: b, seed 1');
    expect(code).toBe(1);
    expect(json('killed/ablation.json').rows.map(({ cells }: { cells: { state: string }[] }) => cells[0]?.state)).toEqual([
      'failed',
      'finished',
    ]);
  }, 60_000);

  it.each([
    ['a file that is not there', 'nowhere.yaml', null, /Cannot read the ablation nowhere\.yaml/],
    ['a file that is no YAML', 'bad.yaml', 'base: {', /bad\.yaml:1: not YAML/],
    [
      'a setting that is wrong',
      'bad.yaml',
      `${BASE}seeds: [1]\nrows: [{ name: a, optimizer: { lr: -1 } }]\n`,
      /bad\.yaml:3: optimizer\.lr: expected a number of at least 0, got -1/,
    ],
    [
      'a recipe that is none',
      'bad.yaml',
      'base: { recipe: relaesed, dataPath: faces }\nseeds: [1]\nrows: [{ name: a }]\n',
      /there is no recipe "relaesed"\. Did you mean "released"/,
    ],
  ])('%s is an error before anything is trained', async (_, name, text, message) => {
    if (text !== null) table(name, text);
    const { code, stderr } = await inFolder('ablate', name, '--out', 'never');
    expect(stderr).toMatch(message);
    expect(code).toBe(2);
    expect(existsSync(join(folder, 'never'))).toBe(false);
  });

  it('a result that is damaged is named', async () => {
    writeFileSync(join(folder, 'out/plain/seed-1/evaluation.json'), '{');
    const { code, stderr } = await inFolder('ablate', 'table.yaml', '--out', 'out');
    expect(stderr).toMatch(/seed-1.evaluation\.json is damaged: .*\nDelete it: the same command makes it again\./);
    expect(code).toBe(1);
    rmSync(join(folder, 'out/plain/seed-1/evaluation.json'));
    const again = await inFolder('ablate', 'table.yaml', '--out', 'out', '--quiet');
    expect(again).toMatchObject({ code: 0, stderr: '' });
  }, 60_000);
});

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
