/** `uafer calibrate --density` through the real command line, on real faces: what calibrate, eval, export and predict say is the same. */
import { mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { packagePath } from '#uafer/paths.js';
import { temporaryFolder, testPixels } from '../support/pictures.js';
import { uafer } from './run.js';

const folder = temporaryFolder();
afterAll(() => folder[Symbol.dispose]());
const at = (...parts: string[]) => join(folder.path, ...parts);
const json = (path: string) => JSON.parse(readFileSync(at(path), 'utf8'));

const small = packagePath('models', 'uafer-clip-small.safetensors');
const faces = packagePath('examples', 'faces');
const picture = (file: string) => join(faces, 'basic/Image/aligned_224', file);
const data = ['--dataset', 'rafdb', '--data-path', faces];
const network = [...data, '--clip-path', small, '--loss-function', 'ce', '--alpha', '0.5', '--threads', '2'];
const inFolder = (...args: string[]) => uafer(args, { cwd: folder.path });
const calibrate = (to: string, ...args: string[]) =>
  inFolder('calibrate', small, ...network, '--valid-share', '0.3', '--density', '--to', to, ...args);

interface Row {
  file: string;
  probabilities: number[];
  uncertainty: number;
  density: Record<string, number>;
}
let rows: Row[];

beforeAll(async () => {
  const { code, stdout, stderr } = await calibrate('small.calibration.json');
  expect(code, stderr).toBe(0);
  expect(stdout).toMatch(
    /^Fitted to \d+ of \d+ pictures of 30% of the training .* It knows \d+ of \d+ training pictures of rafdb\./,
  );
  expect(stderr).toMatch(/training pictures: \d+\/\d+ batches/);
  for (let i = 0; i < 5; i++) {
    mkdirSync(at('textures'), { recursive: true });
    const raw = { width: 60, height: 60, channels: 3 } as const;
    await sharp(testPixels(60, 60, i), { raw })
      .png()
      .toFile(at(`textures/${i}.png`));
  }
  const evaluated = await inFolder(
    ...['eval', '--checkpoint', small, ...network, '--calibration', 'small.calibration.json', '--scores'],
    ...['--predictions', 'eval/out.json', '--ood', 'textures'],
  );
  expect(evaluated.code, evaluated.stderr).toBe(0);
  expect(evaluated.stdout).toMatch(/\nrelative Mahalanobis +0\.\d{4}/);
  rows = json('eval/out.json').rows;
}, 120_000);

describe('a calibration that knows the pictures of training', () => {
  it('is a few hundred KB, and the same to the last bit again', async () => {
    expect(statSync(at('small.calibration.json')).size).toBeLessThan(700_000);
    expect((await calibrate('again.json', '--workers', '2', '--quiet')).code).toBe(0);
    expect(readFileSync(at('again.json'), 'utf8')).toBe(readFileSync(at('small.calibration.json'), 'utf8'));
  }, 60_000);

  it('knows the first so many where a number is said', async () => {
    const { code, stdout, stderr } = await inFolder(
      ...['calibrate', small, ...network, '--valid-share', '0.3', '--density', '20', '--to', 'few.json', '--quiet'],
    );
    expect(code, stderr).toBe(0);
    expect(stdout).toMatch(/It knows 20 of \d+ training pictures of rafdb/);
  }, 60_000);

  it('makes textures stand out, by the ignorance and by early layers', () => {
    const { outliers } = json('eval/ood.json');
    expect(outliers.ignorance.auroc).toBeGreaterThan(0.95);
    expect(outliers.earlyLayers.auroc).toBeGreaterThan(0.95);
    expect(outliers.relativeMahalanobis.auroc).toBeTypeOf('number');
    for (const { density, uncertainty } of rows) expect(density.ignorance).toBe(uncertainty);
  });

  it('is carried by an export, and everything says the same of one picture', async () => {
    const made = await inFolder('export', small, '--to', 'model', ...network, '--calibration', 'small.calibration.json');
    expect(made.code, made.stderr).toBe(0);
    expect(json('model/model.json').calibration).toEqual(json('small.calibration.json').calibration);
    expect(readFileSync(at('model/README.md'), 'utf8')).toMatch(
      /- It knows \d+ of \d+ training pictures of rafdb, by stem\.4 and block\.1: /,
    );
    const evaluated = await inFolder('eval', '--checkpoint', 'model', ...data, '--predictions', 'onnx/out.json', '--quiet');
    expect(evaluated.code, evaluated.stderr).toBe(0);
    const exported: Row[] = json('onnx/out.json').rows;
    for (const [i, { density, uncertainty }] of rows.entries()) {
      // Features differ by rounding in single precision (1e-6); whitening makes up to a hundred times as much of it.
      expect(exported[i]?.uncertainty).toBeCloseTo(uncertainty, 4);
      for (const [name, value] of Object.entries(density))
        expect(Math.abs((exported[i]?.density[name] as number) - value), name).toBeLessThan(
          1e-3 * Math.max(1, Math.abs(value)),
        );
    }
    const chosen = exported.filter((_, i) => i % 11 === 0);
    const predicted = await inFolder(
      ...['predict', ...chosen.map(({ file }) => picture(file)), '--model', 'model', '--aligned', '--json', '--quiet'],
    );
    const lines = predicted.stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line).faces[0]);
    for (const [i, { uncertainty, probabilities }] of chosen.entries()) {
      // Printed to 6 decimals.
      expect(lines[i].uncertainty).toBeCloseTo(uncertainty, 6);
      expect(Object.values(lines[i].probabilities)[0]).toBeCloseTo(probabilities[0] as number, 6);
    }
    const texture = await inFolder('predict', 'textures/0.png', '--model', 'model', '--aligned', '--json', '--quiet');
    expect(JSON.parse(texture.stdout).faces[0].decision).toBe('reject');
  }, 120_000);

  it.each([
    ['of no pictures', ['--density', '1'], 2, /number of pictures, of at least 2/],
    ['of a word', ['--density', 'many'], 2, /number of pictures, of at least 2/],
  ])('%s is refused', async (_, args, code, message) => {
    const outcome = await inFolder('calibrate', small, ...network, '--valid-share', '0.3', '--to', 'none.json', ...args);
    expect(outcome.code).toBe(code);
    expect(outcome.stderr).toMatch(message);
  });

  it('that is damaged is told of, with the file or what to do', async () => {
    const damaged = json('small.calibration.json');
    damaged.calibration.density.layers[0].gaussian.whitening = 'AAAAAAAAAAA=';
    writeFileSync(at('damaged.json'), JSON.stringify(damaged));
    const outcome = await inFolder('eval', '--checkpoint', small, ...network, '--calibration', 'damaged.json');
    expect(outcome).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/density of a calibration is damaged.*uafer calibrate --density/),
    });
  });
});
