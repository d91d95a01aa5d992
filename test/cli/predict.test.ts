/** `uafer predict` and `uafer export` through the real command line. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { copyFileSync, cpSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'csv-parse/sync';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, it, test } from 'vitest';
import { z } from 'zod';
import { packagePath } from '#uafer/paths.js';
import { modelSchema } from '#uafer/predict/modelFile.js';
import { predictionLineSchema } from '#uafer/predict/predictionLine.js';
import { videoLineSchema } from '#uafer/predict/videoLine.js';
import { type Examples, readExamples } from '#uafer/run/examplesFile.js';
import { temporaryFolder } from '../support/pictures.js';
import { main, uafer } from './run.js';

const folder = temporaryFolder();
afterAll(() => folder[Symbol.dispose]());

const predict = (args: string[], options: { env?: Record<string, string> } = {}) =>
  uafer(['predict', ...args], { cwd: folder.path, ...options });
const lines = (text: string) =>
  text
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
const at = (...parts: string[]) => join(folder.path, ...parts);

beforeAll(() => {
  cpSync(packagePath('examples', 'photos'), at('photos'), { recursive: true });
  cpSync(packagePath('assets', 'faces'), at('faces'), { recursive: true });
  mkdirSync(at('mixed'));
  copyFileSync(at('photos/three.jpg'), at('mixed/b.jpg'));
  writeFileSync(at('mixed/a.jpg'), 'no picture');
  copyFileSync(at('photos/astronaut.jpg'), at('mixed/c, "odd" name.jpg'));
  writeFileSync(at('mixed/notes.md'), 'left alone');
});

describe('what is printed', () => {
  it('for a person: a line a picture, one a face with a bar, and how many there were', async () => {
    const { code, stdout, stderr } = await predict(['photos/three.jpg', 'mixed/a.jpg']);
    expect(code).toBe(0);
    expect(stdout).toMatch(
      /^photos\/three\.jpg: 3 faces\n( {2}\w+ +\d+\.\d% [█░]{20} {2}uncertainty \d\.\d\d.*\n){3}mixed\/a\.jpg: cannot be read/,
    );
    expect(stderr).toContain('3 faces in 2 pictures, 1 unreadable.');
  });

  it('never with letters of a name that a terminal acts on, and as JSON with the name as it is', async () => {
    const name = 'odd/\u001b[31m\u202ered.jpg';
    mkdirSync(at('odd'), { recursive: true });
    copyFileSync(at('photos/astronaut.jpg'), at(name));
    const [read, csv, json] = [await predict(['odd']), await predict(['odd', '--csv']), await predict(['odd', '--json'])];
    for (const { code, stdout, stderr } of [read, csv, json]) {
      expect(code).toBe(0);
      for (const letter of ['\u001b', '\u202e']) expect(stdout + stderr).not.toContain(letter);
    }
    expect(read.stdout).toContain('odd/\\x1b[31m\\u202ered.jpg: 1 face');
    expect(lines(json.stdout)[0].file).toBe(name);
  });

  it('as JSON: lines that hold to the schema, in the order of the inputs', async () => {
    const { code, stdout } = await predict(['mixed', 'photos/astronaut.jpg', '--json', '--quiet']);
    expect(code).toBe(0);
    const found = lines(stdout).map((line) => predictionLineSchema.parse(line));
    expect(found.map(({ file }) => file)).toEqual([
      'mixed/a.jpg',
      'mixed/b.jpg',
      'mixed/c, "odd" name.jpg',
      'photos/astronaut.jpg',
    ]);
    expect(found[0]).toEqual({ file: 'mixed/a.jpg', error: expect.stringMatching(/^cannot be read as a picture: /) });
    expect(found.slice(1).map((line) => ('faces' in line ? line.faces.length : 0))).toEqual([3, 1, 1]);
  });

  it('as CSV: a row a face, whatever the names', async () => {
    const { stdout } = await predict(['mixed', '--csv', '--quiet']);
    const rows = parse(stdout, { columns: true }) as Record<string, string>[];
    expect(rows.map(({ file, face }) => [file, face])).toEqual([
      ['mixed/a.jpg', ''],
      ['mixed/b.jpg', '1'],
      ['mixed/b.jpg', '2'],
      ['mixed/b.jpg', '3'],
      ['mixed/c, "odd" name.jpg', '1'],
    ]);
    expect(rows[0]?.error).toMatch(/cannot be read/);
    expect(rows[4]).toMatchObject({ expression: 'happy', probability: rows[4]?.['p(happy)'] });
  });

  it('of a pattern, a list, names on standard input, and a picture on it', async () => {
    writeFileSync(at('list.txt'), 'photos/three.jpg\r\n\nphotos/four.jpg\n');
    const files = async (args: string[], input?: string | Buffer) => {
      const child = spawn(process.execPath, [main, 'predict', '--json', '--quiet', ...args], { cwd: folder.path });
      let text = '';
      child.stdout.on('data', (chunk) => {
        text += chunk;
      });
      child.stdin.end(input);
      await once(child, 'close');
      return lines(text).map(({ file, faces }) => [file, faces.length]);
    };
    expect(await files(['photos/f*.jpg'])).toEqual([
      ['photos/five.jpg', 5],
      ['photos/four.jpg', 4],
    ]);
    const listed = [
      ['photos/three.jpg', 3],
      ['photos/four.jpg', 4],
    ];
    expect(await files(['list.txt'])).toEqual(listed);
    expect(await files(['-'], 'photos/three.jpg\nphotos/four.jpg')).toEqual(listed);
    expect(await files(['-'], readFileSync(at('photos/three.jpg')))).toEqual([['-', 3]]);
  });

  it('of aligned faces is what `uafer eval` says of them', async () => {
    const { stdout } = await predict(['faces', '--aligned', '--json', '--quiet']);
    const happy = lines(stdout).filter(({ file }) => file.includes('happy'));
    expect(happy.map(({ faces }) => faces[0].expression)).toEqual(['happy', 'happy']);
  });

  it('says that a face is rejected above the uncertainty that one abstains from', async () => {
    const { stdout } = await predict(['photos', '--abstain', '0.05', '--json', '--quiet']);
    const faces = lines(stdout).flatMap((line) => line.faces);
    for (const { uncertainty, decision } of faces) expect(decision === 'reject').toBe(uncertainty > 0.05);
  });
});

describe('drawings', () => {
  it('show boxes and answers on the photo, and the patches of each face', async () => {
    const { code } = await predict(['mixed', '--overlay', 'seen/boxes', '--heatmap', 'seen/patches', '--quiet']);
    expect(code).toBe(0);
    expect(readdirSync(at('seen/boxes')).sort()).toEqual(['b.jpg.jpg', 'c, "odd" name.jpg.jpg']);
    const before = await sharp(at('mixed/b.jpg')).raw().toBuffer({ resolveWithObject: true });
    const after = await sharp(at('seen/boxes/b.jpg.jpg')).raw().toBuffer({ resolveWithObject: true });
    expect(after.info).toMatchObject({ width: before.info.width, height: before.info.height });
    const changed = before.data.filter((value, i) => Math.abs(value - (after.data[i] as number)) > 60).length;
    expect(changed).toBeGreaterThan(5000);
    const { width } = await sharp(at('seen/patches/b.jpg.png')).metadata();
    expect(width).toBe(3 * (224 + 8) + 8);
  });
});

describe('a file of answers', () => {
  it('is gone with, to the same bytes, after an interruption at any line', async () => {
    expect((await predict(['photos', 'faces', '--out', 'whole.jsonl', '--quiet'])).code).toBe(0);
    const whole = readFileSync(at('whole.jsonl'), 'utf8');
    expect(lines(whole)).toHaveLength(18);
    for (const [kept, name] of [
      [0, 'none'],
      [700, 'some'],
      [whole.length - 30, 'most'],
    ] as const) {
      writeFileSync(at(`${name}.jsonl`), whole.slice(0, kept));
      copyFileSync(at('whole.jsonl.settings.json'), at(`${name}.jsonl.settings.json`));
      const { code, stderr } = await predict(['photos', 'faces', '--out', `${name}.jsonl`]);
      expect(code).toBe(0);
      expect(readFileSync(at(`${name}.jsonl`), 'utf8')).toBe(whole);
      if (name === 'most') expect(stderr).toContain('17 were there');
    }
  });

  it('of rows too: the last picture is made again, whose rows may be incomplete', async () => {
    await predict(['photos', '--csv', '--out', 'whole.csv', '--quiet']);
    const whole = readFileSync(at('whole.csv'), 'utf8');
    const third = whole.split('\n').slice(0, 5).join('\n').length;
    writeFileSync(at('cut.csv'), whole.slice(0, third + 1));
    copyFileSync(at('whole.csv.settings.json'), at('cut.csv.settings.json'));
    await predict(['photos', '--csv', '--out', 'cut.csv', '--quiet']);
    expect(readFileSync(at('cut.csv'), 'utf8')).toBe(whole);
  });

  it('of other options, or of something else, is not gone with', async () => {
    const other = await predict(['photos', '--out', 'whole.jsonl', '--faces', 'largest']);
    expect(other).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(/whole\.jsonl was made with another model or other options/),
    });
    writeFileSync(at('mine.jsonl'), '{"mine": true}\n');
    const mine = await predict(['photos', '--out', 'mine.jsonl']);
    expect(mine).toMatchObject({ code: 2, stderr: expect.stringMatching(/was not made by this command/) });
    expect(readFileSync(at('mine.jsonl'), 'utf8')).toBe('{"mine": true}\n');
  });

  it('is whole up to where Ctrl-C came, and the same command goes on', async () => {
    mkdirSync(at('many'));
    for (let i = 0; i < 120; i++) copyFileSync(at('photos/three.jpg'), at('many', `${String(i).padStart(3, '0')}.jpg`));
    const child = spawn(process.execPath, [main, 'predict', 'many', '--out', 'many.jsonl'], { cwd: folder.path });
    while (!existsSync(at('many.jsonl')) || readFileSync(at('many.jsonl')).length === 0)
      await new Promise((resolve) => setTimeout(resolve, 20));
    child.kill('SIGINT');
    const [code] = await once(child, 'close');
    expect(code).toBe(130);
    const done = lines(readFileSync(at('many.jsonl'), 'utf8')).length;
    expect(done).toBeLessThan(120);
    expect((await predict(['many', '--out', 'many.jsonl', '--quiet'])).code).toBe(0);
    const files = lines(readFileSync(at('many.jsonl'), 'utf8')).map(({ file }) => file);
    expect(files).toEqual(
      readdirSync(at('many'))
        .sort()
        .map((name) => `many/${name}`),
    );
  });
});

describe('wrong use', () => {
  it.each<[string, string[], number, RegExp]>([
    ['an input that is not there', ['nowhere.jpg'], 2, /nowhere\.jpg does not exist: expected a picture, a folder, a pattern/],
    ['a pattern that nothing matches', ['photos/*.tif'], 2, /photos\/\*\.tif does not exist/],
    ['two forms of answers', ['photos', '--json', '--csv'], 2, /--json and --csv: choose one/],
    ['a misspelt option', ['photos', '--overley', 'x'], 2, /unknown option '--overley'[\s\S]*Did you mean --overlay/],
    ['a threshold out of range', ['photos', '--abstain', '3'], 2, /Expected an uncertainty from 0 to 1/],
    ['a model that is none', ['photos', '--model', 'photos'], 1, /photos has no model\.json.*uafer export/],
    ['nothing that can be read', ['mixed/a.jpg'], 1, /None of the pictures could be read/],
  ])('%s', async (_, args, code, message) => {
    expect(await predict(args)).toMatchObject({ code, stderr: expect.stringMatching(message) });
  });

  it('no libtorch is needed, nor looked for', async () => {
    const { code, stderr } = await predict(['photos/three.jpg', '--quiet'], {
      env: { UAFER_HOME: at('empty-home'), LIBTORCH: '/nowhere', PYTHON: '/nowhere' },
    });
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  });

  it('a reader that has seen enough ends it without a complaint', async () => {
    const child = spawn('sh', ['-c', `'${process.execPath}' '${main}' predict many --json | head -1`], { cwd: folder.path });
    let [out, error] = ['', ''];
    child.stdout.on('data', (chunk) => {
      out += chunk;
    });
    child.stderr.on('data', (chunk) => {
      error += chunk;
    });
    await once(child, 'close');
    expect(lines(out)).toHaveLength(1);
    expect(error).not.toMatch(/EPIPE|Error/);
  });
});

describe('export, then everything that follows', () => {
  const small = packagePath('models', 'uafer-clip-small.safetensors');
  const data = ['--dataset', 'rafdb', '--data-path', packagePath('examples', 'faces')];

  it('an exported model is evaluated to the figures of its checkpoint, and predicts', async () => {
    const made = await uafer(['export', small, '--to', 'model', ...data, '--clip-path', small], { cwd: folder.path });
    expect(made).toMatchObject({
      code: 0,
      stderr: expect.stringMatching(/Compared with libtorch on 55 test pictures of rafdb.*0 of 55 answers change/),
    });
    const evaluation = async (checkpoint: string) => {
      const to = ['--predictions', `${checkpoint === small ? 'before' : 'after'}.json`];
      const { code, stdout, stderr } = await uafer(['eval', '--checkpoint', checkpoint, ...data, ...to, '--json', '--quiet'], {
        cwd: folder.path,
      });
      expect(code, stderr).toBe(0);
      const { checkpoint: _, loss: __, ...metrics } = JSON.parse(stdout);
      return metrics;
    };
    const [before, after] = [await evaluation(small), await evaluation('model')];
    expect({ accuracy: after.accuracy, confusion: after.confusion }).toEqual({
      accuracy: before.accuracy,
      confusion: before.confusion,
    });
    expect(after.expectedCalibrationError).toBeCloseTo(before.expectedCalibrationError, 5);
    expect(after.errorAuroc).toBeCloseTo(before.errorAuroc, 5);
    expect(examples('after')).toEqual(examples('before'));
    expect((await predict(['photos/three.jpg', '--model', 'model'])).stdout).toContain('3 faces');
  });

  it('the released form is warned of by what an exported model is, and not by the settings of training that it lacks', async () => {
    const released = /Do not act on this uncertainty/;
    const text = async (model: string) => (await uafer(['eval', '--checkpoint', model, ...data], { cwd: folder.path })).stdout;
    expect(await text('model')).toMatch(released);
    const plain = ['--loss-function', 'ce', '--clip-path', small];
    expect((await uafer(['export', small, '--to', 'softmax', ...data, ...plain], { cwd: folder.path })).code).toBe(0);
    const shown = await text('softmax');
    expect(shown).toContain('accuracy');
    expect(shown).not.toMatch(released);
  });

  /** What the report of an evaluation shows: which pictures, and which patch speaks most for each class. */
  function examples(name: string) {
    const { mistakes, uncertain, pictures, plane } = readExamples(at(`${name}.json`)) as Examples;
    const loudest = pictures.map(({ row, heatmap }) => [
      row,
      Object.values(heatmap?.classes ?? {}).map(([first]) => first?.[0]),
    ]);
    return { mistakes, uncertain, loudest, explained: plane?.explained.map((share) => share.toFixed(3)) };
  }

  it('a target that exists, a checkpoint that is none, and classes that differ are refused', async () => {
    const again = await uafer(['export', small, '--to', 'model', ...data], { cwd: folder.path });
    expect(again).toMatchObject({ code: 2, stderr: expect.stringMatching(/model exists already/) });
    const none = await uafer(['export', 'photos/three.jpg', '--to', 'other', ...data], { cwd: folder.path });
    expect(none).toMatchObject({ code: 1, stderr: expect.stringMatching(/three\.jpg is neither safetensors nor an archive/) });
    expect(existsSync(at('other'))).toBe(false);
    const eight = ['--dataset', 'ferplus', '--data-path', '.'];
    const classes = await uafer(['eval', '--checkpoint', 'model', ...eight], { cwd: folder.path });
    expect(classes.code).toBe(1);
  });
});

test("the published schemas are the code's own", () => {
  for (const [name, schema] of Object.entries({
    model: modelSchema,
    prediction: predictionLineSchema,
    video: videoLineSchema,
  })) {
    const published = JSON.parse(readFileSync(packagePath('schemas', `${name}.schema.json`), 'utf8'));
    expect(published, `run scripts/write-schemas.js`).toEqual(
      JSON.parse(JSON.stringify(z.toJSONSchema(schema, { io: 'input' }))),
    );
  }
});
