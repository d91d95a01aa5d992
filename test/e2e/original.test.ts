import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { RAFDB_CLASSES } from '#uafer/data/rafdb.js';
import { uafer } from '../cli/run.js';
import { exampleFaces, writeRafdb } from '../support/exampleFaces.js';
import { fixture, jsonFixture } from '../support/fixtures.js';
import { expectClose } from '../support/numbers.js';
import { missingModules, runPython } from '../support/python.js';

const absolute = 1e-5;
const CLIP = 'tiny2h_clip.safetensors';
/** Epochs of 4, 4 and 2 pictures; the fixture's 16 patches would make k 16 a plain mean. */
const TRAIN = 10;
const TEST = 6;
const steps = 5;
const settings = { alpha: 0.1, topk: 4, fix_layer: 2, layer_decay: 0.65, weight_decay: 5e-4 };
const schedule = { lr: 1e-3, min_lr: 1e-8, epochs: 50, warmup_epochs: 1, batch_size: 4 };

interface Theirs {
  losses: { loss_cls: number; loss_kd: number }[];
  rows: { file: string; label: number; logits: number[] }[];
}

const missing = missingModules('torch', 'PIL', 'safetensors');
describe.skipIf(missing)(missing ?? 'from picture files, beside Pillow and plain PyTorch', () => {
  const folder = mkdtempSync(join(tmpdir(), 'uafer-original-'));
  afterAll(() => rmSync(folder, { recursive: true }));
  const faces = exampleFaces();
  const data = ['--dataset', 'rafdb', '--data-path', 'faces', '--clip-path', fixture(CLIP), '--topk', String(settings.topk)];
  let theirs: Theirs;

  beforeAll(() => {
    const part = (train: boolean) => faces.filter((face) => face.train === train);
    writeRafdb(join(folder, 'faces'), [...part(false).slice(0, TEST), ...part(true).slice(0, TRAIN)]);
    const ids = jsonFixture<{ rafdb: { tokens: number[][] } }>('tokens.json').rafdb.tokens;
    const paths = [fixture(CLIP), join(folder, 'faces'), join(folder, 'model.pth')];
    theirs = JSON.parse(
      runPython({ file: 'original_run.py' }, ...paths, JSON.stringify({ ...settings, ...schedule, steps, ids })),
    );
  });

  test('the command logs the same losses at every step', async () => {
    const asReleased = ['--recipe', 'released', '--augment', 'none', '--shuffle', 'false', '--log-every', '1'];
    const rates = ['--lr', String(schedule.lr), '--warmup-epochs', String(schedule.warmup_epochs)];
    const length = ['--batch-size', String(schedule.batch_size), '--max-steps', String(steps)];
    const args = ['train', ...data, ...asReleased, ...rates, ...length, '--device', 'cpu', '--out', 'run', '--quiet'];
    expect(await uafer(args, { cwd: folder })).toEqual({ code: 0, stdout: '', stderr: '' });
    const lines = readFileSync(join(folder, 'run/log.jsonl'), 'utf8').trim().split('\n');
    const ours = lines.map((line) => JSON.parse(line)).filter(({ kind }) => kind === 'step');
    const losses = (all: Theirs['losses']) => all.flatMap(({ loss_cls, loss_kd }) => [loss_cls, loss_kd]);
    expect(theirs.losses.at(-1)?.loss_kd).not.toBeCloseTo(theirs.losses[0]?.loss_kd as number, 4); // something was learnt
    expectClose(losses(ours), losses(theirs.losses), { absolute });
  });

  test('the model that PyTorch saved is evaluated to the same logits, a row for each test picture', async () => {
    const args = ['eval', '--checkpoint', 'model.pth', ...data, '--device', 'cpu', '--predictions', 'out.json', '--quiet'];
    expect(await uafer(args, { cwd: folder })).toMatchObject({ code: 0, stderr: '' });
    const { classes, rows } = JSON.parse(readFileSync(join(folder, 'out.json'), 'utf8'));
    expect(classes).toEqual(RAFDB_CLASSES);
    const names = (all: Theirs['rows']) => all.map(({ file, label }) => ({ file, label }));
    expect(names(rows)).toEqual(names(theirs.rows));
    const logits = (all: Theirs['rows']) => all.flatMap((row) => row.logits);
    expectClose(logits(rows), logits(theirs.rows), { absolute });
  });
});
