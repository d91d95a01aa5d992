import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { uafer } from './run.js';
import { train, writeTinyProject } from './tinyProject.js';

let folder: string;
const inFolder = (...args: string[]) => uafer(args, { cwd: folder });
const json = (path: string) => JSON.parse(readFileSync(join(folder, path), 'utf8'));
const OTHER = ['--dataset', 'folder', '--data-path', 'other'];

/** A model that knows happy and sad, and a data set that calls them joy and gloom, and has a third class. */
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'uafer-class-map-'));
  await writeTinyProject(folder);
  for (const [from, to] of [
    ['happy', 'joy'],
    ['sad', 'gloom'],
    ['sad', 'odd'],
  ] as const)
    cpSync(join(folder, 'faces', from), join(folder, 'other/test', to), { recursive: true });
  expect((await inFolder(...train('--quiet'))).code).toBe(0);
  expect((await inFolder('export', 'run', '--to', 'model', '--allow-loss', '--quiet')).code).toBe(0);
  writeFileSync(join(folder, 'map.yaml'), 'joy: happy\ngloom: sad\nodd: null\n');
}, 60_000);
afterAll(() => rmSync(folder, { recursive: true }));

describe('uafer eval --class-map', () => {
  it('tests a run on the pictures of another data set by the classes of the run, and an export alike', async () => {
    const args = [...OTHER, '--class-map', 'map.yaml'];
    const { code, stdout, stderr } = await inFolder('eval', '--checkpoint', 'run', ...args, '--predictions', 'a/out.json');
    expect(stderr).toContain('Left out by map.yaml: odd (10 pictures).');
    expect(code).toBe(0);
    expect(stdout).toMatch(/^pictures +20\n/);
    const { classes, rows } = json('a/out.json');
    expect(classes).toEqual(['happy', 'sad']);
    expect(rows).toHaveLength(20);
    for (const { file, label } of rows) expect(classes[label]).toBe(file.includes('joy') ? 'happy' : 'sad');
    // The same pictures as those of the model's own data set under other names: the same answers.
    await inFolder('eval', '--checkpoint', 'run', '--predictions', 'own/out.json', '--quiet');
    const own = new Map(json('own/out.json').rows.map((row: { file: string }) => [row.file, row]));
    for (const row of rows) {
      const same = own.get(row.file.replace('test/joy', 'happy').replace('test/gloom', 'sad'));
      if (same) expect(row).toEqual({ ...same, file: row.file });
    }
    expect(own.size).toBe(4);

    const exported = await inFolder('eval', '--checkpoint', 'model', ...args, '--predictions', 'b/out.json');
    expect(exported.stderr).toContain('Left out by map.yaml: odd (10 pictures).');
    const answered = json('b/out.json').rows;
    expect(answered.map(({ file, label }: { file: string; label: number }) => [file, label])).toEqual(
      rows.map(({ file, label }: { file: string; label: number }) => [file, label]),
    );
    // As exports are held to libtorch.
    for (const [i, row] of rows.entries()) expect(answered[i].probabilities[0]).toBeCloseTo(row.probabilities[0], 4);
  }, 60_000);

  it('without a map a model is told to be asked for classes that it was not trained on', async () => {
    const checkpoint = await inFolder('eval', '--checkpoint', 'run', ...OTHER);
    expect(checkpoint.stderr).toMatch(
      /trained on the classes happy, sad, and is asked for those of folder, gloom, joy, odd, by their names alone\. --class-map/,
    );
    const exported = await inFolder('eval', '--checkpoint', 'model', ...OTHER);
    expect(exported).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/they must be the same\. --class-map says which is which/),
    });
  });

  it('weights that do not say their classes are asked for those of the map', async () => {
    const plain = ['--checkpoint', 'run/checkpoints/best/model.safetensors', '--config', 'run/config.yaml'];
    // What a run's weights say of themselves stands in their metadata; text without it is CLIP's.
    const bytes = readFileSync(join(folder, 'run/checkpoints/best/model.safetensors'));
    const length = Number(bytes.readBigUInt64LE(0));
    const header = JSON.parse(bytes.subarray(8, 8 + length).toString());
    const { __metadata__: _, ...tensors } = header;
    const text = JSON.stringify(tensors).padEnd(length, ' ');
    writeFileSync(
      join(folder, 'plain.safetensors'),
      Buffer.concat([bytes.subarray(0, 8), Buffer.from(text), bytes.subarray(8 + length)]),
    );
    const args = [...OTHER, '--class-map', 'map.yaml', '--json'];
    const described = await inFolder('eval', ...plain, ...args);
    const undescribed = await inFolder('eval', '--checkpoint', 'plain.safetensors', '--config', 'run/config.yaml', ...args);
    expect(undescribed.stderr).toContain(
      "The model doesn't say its classes: it is asked for those that map.yaml names, happy, sad.",
    );
    expect(JSON.parse(undescribed.stdout).negativeLogLikelihood).toBe(JSON.parse(described.stdout).negativeLogLikelihood);
    expect(JSON.parse(described.stdout)).toMatchObject({ samples: 20, classMap: 'map.yaml' });
  });

  it.each([
    ['run', 'a hole', 'joy: happy\ngloom: sad\n', /It says nothing of odd/],
    ['model', 'a hole', 'joy: happy\ngloom: sad\n', /It says nothing of odd/],
    [
      'run',
      'a class that the model lacks',
      'joy: happy\ngloom: sat\nodd: null\n',
      /wrong\.yaml:2: the model has no class "sat"\. Did you mean "sad"\?/,
    ],
    [
      'model',
      'a class that the data set lacks',
      'joy: happy\ngloom: sad\nodd: null\nod: null\n',
      /wrong\.yaml:4: folder has no class "od"/,
    ],
    [
      'run',
      'a name for two classes',
      'joy: happy\ngloom: happy\nodd: null\n',
      /wrong\.yaml:2: "gloom" and "joy" are both called "happy"/,
    ],
    ['run', 'a class twice', 'joy: happy\njoy: sad\n', /wrong\.yaml:2: not YAML: Map keys must be unique/],
  ])('of %s with %s is an error', async (checkpoint, _, text, message) => {
    writeFileSync(join(folder, 'wrong.yaml'), text);
    const { code, stdout, stderr } = await inFolder('eval', '--checkpoint', checkpoint, ...OTHER, '--class-map', 'wrong.yaml');
    expect(stderr).toMatch(message);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
  });

  it('a run that was trained on a fold of its own data set is tested on all pictures of another', async () => {
    const fold = ['--subject-pattern', '^([0-9])', '--folds', '2', '--fold', '1'];
    await inFolder(...train(...fold, '--epochs', '1', '--quiet', '--out', 'fold'));
    const { code, stdout } = await inFolder(
      'eval',
      '--checkpoint',
      'fold',
      ...OTHER,
      '--class-map',
      'map.yaml',
      '--json',
      '--quiet',
    );
    expect(code).toBe(0);
    expect(JSON.parse(stdout).samples).toBe(20);
  }, 60_000);
});
