/** The paper's method and ours through the real commands: trained, resumed, evaluated, exported, and answering for a picture. */
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { toArray } from '#uafer/engine/index.js';
import { readCheckpointWeights } from '#uafer/run/checkpoint.js';
import { type Outcome, uafer } from '../cli/run.js';
import { writeTinyProject } from '../cli/tinyProject.js';
import { fixture } from '../support/fixtures.js';

let folder: string;
const run = async (...args: string[]): Promise<Outcome> => {
  const outcome = await uafer(args, { cwd: folder });
  expect(outcome, `${args.join(' ')}\n${outcome.stderr}`).toMatchObject({ code: 0 });
  return outcome;
};
const train = (out: string, recipe: string, ...args: string[]) =>
  run(
    ...['train', '--recipe', recipe, '--clip-path', 'clip.safetensors', '--dataset', 'folder', '--data-path', 'faces'],
    ...['--out', out, '--device', 'cpu', '--topk', '4', '--batch-size', '4', '--epochs', '2', '--warmup-epochs', '0'],
    ...['--lr', '0.01', '--quiet', ...args],
  );
const weightsOf = (out: string) => readCheckpointWeights(join(folder, out, 'checkpoints', 'last'));

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'uafer-method-'));
  await writeTinyProject(folder);
  cpSync(fixture('tiny2h_clip.safetensors'), join(folder, 'clip.safetensors'));
}, 60_000);
afterAll(() => rmSync(folder, { recursive: true, force: true }));

interface Row {
  probabilities: number[];
  uncertainty: number;
  alpha: number[];
}

describe.each([
  ['paper', ['--fusion', 'dempster'], 4],
  ['paper', ['--fusion', 'average', '--lambda-branch', '0.5'], 4],
  ['uafer+', ['--mixup', '0.2'], 2],
] as const)('recipe %s with %s', (recipe, options, scales) => {
  const name = `${recipe}-${options[1]}`;
  const rows = (file: string): Row[] => JSON.parse(readFileSync(join(folder, file), 'utf8')).rows;

  beforeAll(async () => {
    await train(name, recipe, ...options);
  }, 60_000);

  it('trains its scales with the network', () => {
    const learned = Object.entries(weightsOf(name)).filter(([tensor]) => tensor.startsWith('relation.'));
    expect(learned).toHaveLength(scales);
    const shifts = learned.filter(([tensor]) => tensor.endsWith('.shift'));
    for (const [tensor, shift] of shifts) expect(shift.item(), tensor).not.toBe(0);
  });

  it('goes on after an interruption to the same bits', async () => {
    await train(`${name}-parts`, recipe, ...options, '--max-steps', '3');
    await run('train', '--resume', `${name}-parts`, '--max-steps', '0', '--quiet');
    const [whole, parts] = [weightsOf(name), weightsOf(`${name}-parts`)];
    for (const [tensor, values] of Object.entries(whole))
      expect(toArray(parts[tensor] as never), tensor).toEqual(toArray(values));
  }, 60_000);

  it('answers with a Dirichlet distribution, the same from the run and exported', async () => {
    await run('eval', '--checkpoint', name, '--predictions', 'run.json', '--quiet');
    const { stdout } = await run('export', name, '--to', `${name}-exported`, '--json');
    // Rounding in single precision.
    expect(JSON.parse(stdout).comparison.largestDifference).toBeLessThan(1e-4);
    const test = ['--dataset', 'folder', '--data-path', 'faces'];
    await run('eval', '--checkpoint', `${name}-exported`, ...test, '--predictions', 'exported.json', '--quiet');
    const [own, exported] = [rows('run.json'), rows('exported.json')];
    expect(own.length).toBeGreaterThan(0);
    own.forEach(({ probabilities, uncertainty, alpha }, i) => {
      const strength = alpha.reduce((sum, a) => sum + a, 0);
      alpha.forEach((a, c) => {
        expect(probabilities[c]).toBeCloseTo(a / strength, 4);
        expect((exported[i] as Row).probabilities[c]).toBeCloseTo(probabilities[c] as number, 4);
      });
      expect(uncertainty).toBeGreaterThan(0);
      expect(uncertainty).toBeLessThanOrEqual(1);
      expect((exported[i] as Row).uncertainty).toBeCloseTo(uncertainty, 4);
    });
  }, 60_000);
});

it('learns from votes.csv beside the lists, and tells where there are no votes', async () => {
  const faces = join(folder, 'voted');
  cpSync(join(folder, 'faces'), faces, { recursive: true });
  const lines = ['happy', 'sad'].flatMap((label) =>
    Array.from({ length: 10 }, (_, i) => `${label}/${i}.png,${label === 'happy' ? '6,3,1' : '1,9,0'}`),
  );
  writeFileSync(join(faces, 'votes.csv'), ['file,happy,sad,unknown', ...lines].join('\n'));
  const started = (path: string, out: string) =>
    run(
      ...['train', '--recipe', 'uafer+', '--clip-path', 'clip.safetensors', '--dataset', 'folder', '--data-path', path],
      ...['--out', out, '--device', 'cpu', '--topk', '4', '--batch-size', '4', '--epochs', '1', '--warmup-epochs', '0'],
    );
  const [voted, labelled] = [await started('voted', 'with-votes'), await started('faces', 'without-votes')];
  expect(voted.stderr).toContain('votes.csv has votes for 16 of 16 training pictures.');
  expect(labelled.stderr).toContain('No votes are known: each label counts as one vote');
  const firstLoss = (out: string) =>
    JSON.parse(readFileSync(join(folder, out, 'log.jsonl'), 'utf8').split('\n')[0] as string).loss;
  // The likelihood of ten votes is far from that of one.
  expect(firstLoss('with-votes')).toBeGreaterThan(2 * firstLoss('without-votes'));
  await run('eval', '--checkpoint', 'with-votes', '--predictions', 'voted.json', '--quiet');
  const [row] = JSON.parse(readFileSync(join(folder, 'voted.json'), 'utf8')).rows;
  expect(row.votes).toHaveLength(3);
}, 60_000);

it.each([
  [['--loss-function', 'ce'], /--fusion dempster fuses evidence: expected --loss-function edl, got ce/],
  [['--branch', 'local'], /--fusion dempster takes both branches: expected --branch both, got local/],
  [['--fusion', 'sum'], /--fusion: expected one of none, dempster, cumulative, average/],
  [['--prompt', 'a face'], /--prompt: expected a text with \{class\} in it, got "a face"/],
])('%s is refused with a word of what to do', async (options, message) => {
  const args = ['--clip-path', 'clip.safetensors', '--dataset', 'folder', '--data-path', 'faces', '--out', 'refused'];
  const { code, stderr } = await uafer(['train', '--recipe', 'paper', ...args, '--topk', '4', ...options], { cwd: folder });
  expect(code).toBe(2);
  expect(stderr).toMatch(message);
});
