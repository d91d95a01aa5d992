import { appendFileSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { computeMetrics } from '#uafer/metrics/metrics.js';
import type { EpochEvent, StepEvent } from '#uafer/run/messages.js';
import { openRunLog, type RunLog, readRunLog } from '#uafer/run/runLog.js';
import { readEvents } from '../support/eventFile.js';

const STEPS = 3;
const metrics = computeMetrics(
  [
    { label: 0, predicted: 0, probabilities: [0.75, 0.25], uncertainty: 0.5 },
    { label: 1, predicted: 0, probabilities: [0.75, 0.25], uncertainty: 0.75 },
  ],
  ['happy', 'sad'],
);
const stepEvent = (epoch: number, step: number): StepEvent => ({
  kind: 'step',
  epoch,
  epochs: 9,
  step,
  steps: STEPS,
  globalStep: epoch * STEPS + step,
  loss: 1 / (epoch + step),
  parts: { loss_cls: 0.25, loss_kd: 0.125 },
  lr: 1e-4,
  imagesPerSecond: 8,
  secondsLeft: 60,
});
const epochEvent = (epoch: number, steps = STEPS): EpochEvent => ({
  kind: 'epoch',
  epoch,
  epochs: 9,
  globalStep: epoch * STEPS + steps,
  loss: 0.5,
  parts: { loss_cls: 0.25 },
  lr: 1e-4,
  metrics,
  testLoss: null,
  best: null,
  imagesPerSecond: 8,
  seconds: { wait: 1, compute: 2, evaluate: 3 },
});
function logEpoch(log: RunLog, epoch: number, from = 1): void {
  for (let step = from; step <= STEPS; step++) log.step(stepEvent(epoch, step));
  log.epoch(epochEvent(epoch));
}

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'uafer-'));
});
afterEach(() => rmSync(folder, { recursive: true }));
const logFile = () => join(folder, 'log.jsonl');
const logText = () => readFileSync(logFile(), 'utf8');

it('holds a line a step and a line an epoch, readable as soon as they are written', () => {
  const log = openRunLog(folder, { epoch: 0, step: 0 });
  log.step(stepEvent(0, 1));
  const step = { kind: 'step', epoch: 0, step: 1, loss: 1, loss_cls: 0.25, loss_kd: 0.125, lr: 1e-4, images_per_s: 8 };
  expect(logText()).toBe(`${JSON.stringify(step)}\n`);
  log.epoch(epochEvent(0));
  log.close();
  expect(readRunLog(logFile())).toEqual([
    step,
    expect.objectContaining({
      kind: 'epoch',
      epoch: 0,
      step: 3,
      loss: 0.5,
      loss_cls: 0.25,
      test_loss: null,
      test_accuracy: 0.5,
      test_aurc: 0.25,
    }),
  ]);
});

it('gives TensorBoard the same numbers', () => {
  const log = openRunLog(folder, { epoch: 0, step: 0 });
  logEpoch(log, 0, 3);
  log.close();
  const [name] = readdirSync(folder).filter((file) => file.startsWith('events.'));
  const [, , step, epoch] = readEvents(readFileSync(join(folder, name as string)));
  expect(step?.scalars).toMatchObject({ 'train/loss_cls': 0.25, 'train/loss_kd': 0.125, 'train/images_per_s': 8 });
  expect(epoch).toMatchObject({ step: 3, scalars: { 'epoch/loss': 0.5, 'test/accuracy': 0.5 } });
  expect(epoch?.scalars).not.toHaveProperty('test/loss');
});

it('of a resumed run is that of one without interruption', () => {
  const whole = openRunLog(folder, { epoch: 0, step: 0 });
  logEpoch(whole, 0);
  logEpoch(whole, 1);
  whole.close();
  const expected = logText();
  rmSync(logFile());

  // Killed in epoch 1 after two steps, the third half written; the last checkpoint is of the first.
  const killed = openRunLog(folder, { epoch: 0, step: 0 });
  logEpoch(killed, 0);
  killed.step(stepEvent(1, 1));
  killed.step(stepEvent(1, 2));
  killed.close();
  appendFileSync(logFile(), '{"kind":"step","epo');
  const resumed = openRunLog(folder, { epoch: 1, step: 4 });
  logEpoch(resumed, 1, 2);
  resumed.close();
  expect(logText()).toBe(expected);
});

it('of a resumed run has no line of an evaluation in the middle of an epoch', () => {
  const limited = openRunLog(folder, { epoch: 0, step: 0 });
  limited.step(stepEvent(0, 1));
  limited.epoch(epochEvent(0, 1));
  limited.close();
  openRunLog(folder, { epoch: 0, step: 1 }).close();
  expect(readRunLog(logFile()).map(({ kind }) => kind)).toEqual(['step']);
});

it('of a new run is empty', () => {
  expect(readRunLog(logFile())).toEqual([]);
  openRunLog(folder, { epoch: 0, step: 0 }).close();
  expect(logText()).toBe('');
});

it.each(['not JSON', '{"kind":"step","epoch":0}', '{"kind":"other"}'])(
  'with the line %s is an error that names file and line',
  (line) => {
    writeFileSync(logFile(), `${line}\n`);
    expect(() => readRunLog(logFile())).toThrow(/log\.jsonl:1 is not a line of a run's log/);
  },
);
