import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { uafer } from './run.js';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'uafer-usage-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

const train = (...args: string[]) =>
  uafer(['train', '--data-path', folder, '--clip-path', 'clip.pt', ...args], { cwd: folder });

test.each([
  [['trian'], "unknown command 'trian'\n(Did you mean train?)"],
  [['train', '--aplha', '1'], "unknown option '--aplha'\n(Did you mean --alpha?)"],
  [['train', '--fix_layr', '1'], '(Did you mean --fix-layer?)'],
  [['train', '--alpha'], "option '--alpha <n>' argument missing"],
  [['train', 'rafdb'], "too many arguments for 'train'"],
  [['train', '--resume', '--config', 'x.yaml'], "option '--resume [run]' cannot be used with option '--config <path>'"],
  [['download', 'clop'], 'there is no "clop" to download. Did you mean "clip"?'],
  [['train', '--recipe', 'relesed'], 'no recipe "relesed". Did you mean "released"?'],
])('%j is wrong usage, with a hint', async (args, hint) => {
  const { code, stderr } = await uafer(args);
  expect(stderr).toContain('uafer: ');
  expect(stderr).toContain(hint);
  expect(code).toBe(2);
});

test.each([
  [['--alpha', '3'], '--alpha: expected a number from 0 to 1, got 3.'],
  [['--lr', 'fast'], '--lr: expected a number of at least 0, got "fast".'],
  [['--batch-size', '2.5'], '--batch-size: expected a whole number of at least 1, got 2.5.'],
  [['--batch-size='], '--batch-size: expected a whole number of at least 1, got "".'],
  [['--epochs', '1e20'], '--epochs: expected a whole number from 1 to 9007199254740991, got 100000000000000000000.'],
  [['--lr', '1e400'], '--lr: expected a number of at least 0, got a number beyond 1.8e+308.'],
  [
    ['--workers', '100000'],
    '--workers: expected a whole number from 0 to 256 (each is a thread that takes about 35 MB), got 100000.',
  ],
  [['--threads', '5000'], '--threads: expected a whole number from 0 to 1024, got 5000.'],
  [['--subject-pattern', '^(a'], '--subject-pattern: expected a regular expression with a group for the person'],
  [['--subject-pattern', 'no group'], 'such as \'^(.+)_[0-9]+\', got "no group".'],
  [['--dataset', 'rafbd'], 'got "rafbd". Did you mean "rafdb"?'],
  [['--shuffle', 'maybe'], '--shuffle: expected true or false, got "maybe".'],
  [['--device', 'gpu'], '--device: expected auto, cpu, mps, cuda or cuda:N, got "gpu".'],
  [['--prompt', 'a face'], '--prompt: expected a text with {class} in it, got "a face".'],
  [['--classes', '8'], '--classes 8: rafdb has 7 classes.'],
])('the value in %j is refused by the option’s name and range', async (args, said) => {
  const { code, stderr } = await train(...args);
  expect(stderr).toContain(said);
  expect(code).toBe(2);
});

test('several wrong values are told at once', async () => {
  const { stderr } = await train('--alpha', '3', '--topk', '0');
  expect(stderr).toMatch(/--alpha: .*\n--topk: /);
});

test('a configuration file is refused by file and line', async () => {
  const file = join(folder, 'wrong.yaml');
  writeFileSync(file, 'seed: 1\nmodel:\n  alhpa: 0.5\n');
  const unknown = await train('--config', file);
  expect(unknown).toMatchObject({
    code: 2,
    stderr: expect.stringContaining(`${file}:3: there is no setting "model.alhpa". Did you mean "model.alpha"?`),
  });
  const absent = await train('--config', 'absent.yaml');
  expect(absent).toMatchObject({ code: 2, stderr: expect.stringContaining('Cannot read the configuration absent.yaml') });
});

test("the original's spellings and its options without a counterpart are accepted", async () => {
  const { stderr } = await train(
    '--lamda_kd',
    '-1',
    '--lambda-ruc=-2',
    '--fix_layer',
    '-2',
    '--save_model',
    'True',
    '--momentum',
    '0.9',
  );
  expect(stderr).toContain('--lambda-kd: expected a number of at least 0, got -1.');
  expect(stderr).toContain('--lambda-ruc: expected a number of at least 0, got -2.');
  expect(stderr).toContain('--fix-layer: expected a whole number of at least -1, got -2.');
  expect(stderr).toContain('--save-model changes nothing here');
  expect(stderr).toContain('--momentum changes nothing here');
});

test('without a run to resume the error says what was expected', async () => {
  const { code, stderr } = await uafer(['train', '--resume', folder]);
  expect(stderr).toContain(`No run to resume in ${folder}`);
  expect(code).toBe(2);
});

test('help and version are answers; no command at all is wrong usage', async () => {
  expect(await uafer(['--version'])).toMatchObject({ code: 0, stdout: expect.stringMatching(/^\d+\.\d+\.\d+\n$/) });
  const help = await uafer(['train', '--help']);
  expect(help).toMatchObject({ code: 0, stdout: expect.stringContaining('Examples:') });
  for (const option of ['--fix-layer', '--lambda-kd', '--resume', '--max-minutes']) expect(help.stdout).toContain(option);
  expect(help.stdout).not.toContain('--save-model');
  expect(await uafer([])).toMatchObject({ code: 2, stderr: expect.stringContaining('Usage: uafer') });
});

test('--debug shows where an error came from', async () => {
  expect((await uafer(['train', '--recipe', 'none'])).stderr).not.toContain('    at ');
  expect((await uafer(['train', '--recipe', 'none', '--debug'])).stderr).toContain('    at ');
});
