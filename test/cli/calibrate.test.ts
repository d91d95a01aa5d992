import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { uafer } from './run.js';
import { train, writeTinyProject } from './tinyProject.js';

let folder: string;
const inFolder = (...args: string[]) => uafer(args, { cwd: folder });
const json = (path: string) => JSON.parse(readFileSync(join(folder, path), 'utf8'));

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'uafer-calibrate-'));
  await writeTinyProject(folder);
  expect((await inFolder(...train('--valid-share', '0.5', '--quiet'))).code).toBe(0);
}, 60_000);
afterAll(() => rmSync(folder, { recursive: true }));

describe('uafer calibrate', () => {
  it('fits to pictures that were kept out of training, tells of the others, and keeps it with the run', async () => {
    const { code, stdout, stderr } = await inFolder('calibrate', 'run', '--sets', 'thr', '--coverage', '0.5');
    expect(stderr).toContain('Wrote run/calibration.json.');
    expect(code).toBe(0);
    expect(stdout).toMatch(/^Fitted to 4 of 8 pictures of 50% of the training pictures of folder, kept out of training\./);
    expect(stdout).toMatch(/\nDecisions: report /);
    expect(stdout).toMatch(/\nSets hold the right class in /);
    expect(json('run/calibration.json').calibration).toMatchObject({
      scaling: { kind: 'temperature' },
      conformal: { method: 'thr', coverage: 0.5 },
      decision: { rates: { risk: 0.08, rejected: 0.05 } },
    });
  });

  it('keeps how leaving the least certain unanswered did on the others', () => {
    const { measured } = json('run/calibration.json').calibration;
    expect(measured).toMatchObject({
      pictures: 4,
      of: expect.stringMatching(/^the other 4 of 8 pictures of 50% of the training/),
    });
    expect(measured.byUncertainty.at(-1)).toMatchObject({ coverage: 1, risk: expect.any(Number) });
    expect(measured.byRisk).toEqual(expect.any(Array));
  });

  it('gives the same file again', async () => {
    const before = readFileSync(join(folder, 'run/calibration.json'), 'utf8');
    await inFolder('calibrate', 'run', '--sets', 'thr', '--coverage', '0.5', '--quiet');
    expect(readFileSync(join(folder, 'run/calibration.json'), 'utf8')).toBe(before);
  });

  it('changes what eval, an export and predict answer, all alike', async () => {
    const evaluated = await inFolder('eval', '--checkpoint', 'run', '--predictions', 'calibrated/out.json');
    expect(evaluated.stderr).toMatch(/Calibrated by run\/calibration\.json, fitted to 4 of 8 pictures/);
    await inFolder('eval', '--checkpoint', 'run', '--no-calibration', '--predictions', 'plain/out.json', '--quiet');
    const [calibrated] = json('calibrated/out.json').rows;
    const [plain] = json('plain/out.json').rows;
    expect(calibrated.probabilities).not.toEqual(plain.probabilities);
    const exported = await inFolder('export', 'run', '--to', 'model', '--allow-loss');
    expect(exported.code).toBe(0);
    expect(json('model/model.json').calibration).toEqual(json('run/calibration.json').calibration);
    const line = await inFolder('predict', `faces/${calibrated.file}`, '--model', 'model', '--aligned', '--json', '--quiet');
    const [face] = JSON.parse(line.stdout).faces;
    for (const [c, p] of Object.values(face.probabilities as Record<string, number>).entries())
      expect(p).toBeCloseTo(calibrated.probabilities[c], 5);
    expect(face).toMatchObject({ uncertainty: expect.closeTo(calibrated.uncertainty, 5), decision: expect.any(String) });
    await inFolder(
      'eval',
      '--checkpoint',
      'model',
      '--dataset',
      'folder',
      '--data-path',
      'faces',
      '--predictions',
      'onnx/out.json',
    );
    expect(json('onnx/out.json').rows[0].probabilities[0]).toBeCloseTo(calibrated.probabilities[0], 5);
  }, 60_000);

  it('of other weights is left out, which is told; asked for by name it is an error', async () => {
    cpSync(join(folder, 'run'), join(folder, 'other'), { recursive: true });
    const weights = join(folder, 'other/checkpoints/best/model.safetensors');
    const bytes = readFileSync(weights);
    // The last number, a little.
    bytes[bytes.length - 2] = (bytes[bytes.length - 2] as number) ^ 1;
    writeFileSync(weights, bytes);
    const asked = await inFolder(
      'eval',
      '--checkpoint',
      weights,
      '--config',
      'run/config.yaml',
      '--calibration',
      'run/calibration.json',
    );
    expect(asked.code).toBe(2);
    expect(asked.stderr).toMatch(/fitted to other weights/);
    const left = await inFolder('eval', '--checkpoint', weights);
    expect(left.stderr).toMatch(/fitted to other weights than those of .*: it is left out/);
  });

  it.each<[string, string[], RegExp]>([
    [
      'a data set without validation pictures',
      ['run', '--valid-share', '0'],
      /no validation pictures: .*--valid-share 0\.1.*valid\/ beside test\//,
    ],
    ['a share that leaves nothing', ['run', '--share', '0'], /--share 0 leaves none of 8/],
    ['a share that is none', ['run', '--share', 'half'], /Expected a number from 0 to 1/],
    ['an exported model', ['model'], /is an exported model: calibrate the checkpoint/],
    ['weights without a run', ['faces'], /belongs to no run: say with --to/],
  ])('%s is an error', async (_, args, message) => {
    const { code, stderr } = await inFolder('calibrate', ...args);
    expect(stderr).toMatch(message);
    expect(code).toBeGreaterThan(0);
  });

  it('a calibration that is damaged is named', async () => {
    writeFileSync(join(folder, 'broken.json'), '{"format": "uafer-calibration"');
    const { code, stderr } = await inFolder('eval', '--checkpoint', 'run', '--calibration', 'broken.json');
    expect(stderr).toMatch(/broken\.json is no calibration that this uafer reads/);
    expect(code).toBe(1);
  });
});
