/** A run of uafer 0.1.0, which kept a hash of its settings and nothing of its preprocessing, goes on and is evaluated. */
import { cpSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { readRunLog } from '#uafer/run/runLog.js';
import { uafer } from '../cli/run.js';
import { writeClassFolders } from '../support/madeUpPictures.js';
import { readSafetensors } from '../support/safetensors.js';

const FIXTURE = fileURLToPath(new URL('../fixtures/run-0.1.0/', import.meta.url));
/** The run was made on another processor, whose sums may differ in their last digits. */
const TOLERANCE = 1e-4;

let folder: string;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'uafer-earlier-'));
  cpSync(FIXTURE, folder, { recursive: true });
  await writeClassFolders(join(folder, 'pictures'), { train: 40, test: 9, size: 16 });
});
afterAll(() => rmSync(folder, { recursive: true }));

const places = ['--data-path', 'pictures', '--clip-path', 'clip.safetensors'];
const json = (...path: string[]) => JSON.parse(readFileSync(join(folder, ...path), 'utf8'));

test('its best checkpoint gives the answers that it gave', async () => {
  const { code, stderr } = await uafer(['eval', '--checkpoint', 'run', ...places, '--predictions', 'now.json'], {
    cwd: folder,
  });
  expect(code, stderr).toBe(0);
  const [now, then] = [json('now.json'), json('predictions.json')];
  expect(now.classes).toEqual(then.classes);
  expect(now.rows).toHaveLength(9);
  for (const [i, row] of now.rows.entries()) {
    expect({ file: row.file, label: row.label, predicted: row.predicted }).toEqual({
      file: then.rows[i].file,
      label: then.rows[i].label,
      predicted: then.rows[i].predicted,
    });
    row.logits.forEach((logit: number, c: number) => {
      expect(Math.abs(logit - then.rows[i].logits[c])).toBeLessThan(TOLERANCE);
    });
  }
});

test('it refuses, once its configuration was changed by hand', async () => {
  cpSync(join(folder, 'run'), join(folder, 'changed'), { recursive: true });
  const { code, stderr } = await uafer(['train', '--resume', 'changed', ...places, '--clip-grad', '2'], { cwd: folder });
  expect({ code, stderr }).toMatchObject({ code: 2, stderr: expect.stringMatching(/clipGrad: the run has 0, asked for 2/) });
});

/**
 * A bias of the keys adds the same to all scores of a query, which softmax takes away again: its gradient is rounding alone, and Adam makes steps of full
 * length of that, in one direction or the other.
 */
function isKeysBias(name: string, place: number, length: number): boolean {
  const third = length / 3;
  return name.endsWith('.attn.in_proj_bias') && place >= third && place < 2 * third;
}

test('it goes on from the middle of its second epoch to the end that it would have had', async () => {
  const { code, stderr } = await uafer(['train', '--resume', 'run', ...places], { cwd: folder });
  expect(code, stderr).toBe(0);
  const [lines, expected] = [readRunLog(join(folder, 'run/log.jsonl')), readRunLog(join(folder, 'whole/log.jsonl'))];
  expect(lines.map(({ kind, epoch, step }) => [kind, epoch, step])).toEqual(
    expected.map(({ kind, epoch, step }) => [kind, epoch, step]),
  );
  lines.forEach(({ loss, lr }, i) => {
    expect(Math.abs(loss - (expected[i]?.loss ?? Number.NaN))).toBeLessThan(TOLERANCE);
    expect(lr).toBe(expected[i]?.lr);
  });
  const walked = lines.reduce((sum, { kind, lr }) => (kind === 'step' ? sum + (lr as number) : sum), 0);
  for (const file of ['model', 'ema']) {
    const [made, wanted] = [`run/checkpoints/last/${file}`, `whole/${file}`].map((path) =>
      readSafetensors(join(folder, `${path}.safetensors`)),
    );
    for (const [name, { data }] of Object.entries(wanted ?? {})) {
      const other = made?.[name]?.data ?? [];
      const apart = Array.from(data, (value, i) => Math.abs(value - (other[i] ?? Number.NaN)));
      const most = (keys: boolean) =>
        apart.reduce((largest, one, i) => (isKeysBias(name, i, data.length) === keys ? Math.max(largest, one) : largest), 0);
      expect(most(false), `${file}: ${name}`).toBeLessThan(TOLERANCE);
      expect(most(true), `${file}: ${name}, of the keys`).toBeLessThan(2 * walked);
    }
  }
});
