import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { TrainConfig } from '#uafer/config/schema.js';
import type { Dataset } from '#uafer/data/types.js';
import { readCheckpointState } from '#uafer/run/checkpoint.js';
import type { TrainingEvent } from '#uafer/run/messages.js';
import { readRunLog } from '#uafer/run/runLog.js';
import type { TrainHooks } from '#uafer/train/openRun.js';
import { train } from '#uafer/train/trainer.js';
import { createLinearTask, type LinearTaskOptions } from '../support/linearTask.js';
import { writeDataset } from '../support/madeUpPictures.js';
import { testConfig } from '../support/runConfig.js';

const SIZE = 8;
const STEPS = 4;
let root: string;
let dataset: Dataset;
let runs = 0;

beforeAll(async () => {
  root = mkdtempSync(join(tmpdir(), 'uafer-trainer-'));
  dataset = await writeDataset(join(root, 'pictures'), { size: SIZE });
});
afterAll(() => rmSync(root, { recursive: true, force: true }));

const newRun = () => join(root, `run${runs++}`);
const linearTask = (options: Partial<LinearTaskOptions> = {}) =>
  createLinearTask({ dataset, imageSize: SIZE, dropout: true, ...options });
const modelBytes = (run: string, which = 'last') => readFileSync(join(run, 'checkpoints', which, 'model.safetensors'));
const metricsOf = (run: string) => JSON.parse(readFileSync(join(run, 'metrics.json'), 'utf8'));

/** The log without what depends on the clock. */
const logOf = (run: string) =>
  readRunLog(join(run, 'log.jsonl')).map((line) =>
    Object.fromEntries(Object.entries(line).filter(([name]) => !/^(seconds_|images_per_s)/.test(name))),
  );

/** Trains and tells every event. */
async function trained(config: TrainConfig, hooks: TrainHooks = {}, task = linearTask()) {
  const events: TrainingEvent[] = [];
  const result = await train(task, config, { ...hooks, onEvent: (event) => events.push(event) });
  return { result, events, steps: events.filter((event) => event.kind === 'step') };
}

/** Asks to stop once `steps` steps were done. */
function stopAfter(steps: number): TrainHooks & { onStep(): void } {
  let done = 0;
  return { onStep: () => void done++, shouldStop: () => done >= steps };
}

async function stoppedAfter(config: TrainConfig, steps: number, hooks: TrainHooks = {}) {
  const stop = stopAfter(steps);
  return trained(config, { ...hooks, shouldStop: stop.shouldStop }, linearTask({ onLoss: stop.onStep }));
}

describe('a run', () => {
  test('takes every step of every epoch, evaluates each, and leaves a run folder', async () => {
    const out = newRun();
    const { result, events, steps } = await trained(testConfig(out));
    expect(result).toMatchObject({ ending: 'finished', runFolder: out, epochs: 3, steps: 3 * STEPS });
    expect(steps.map(({ epoch, step }) => [epoch, step])).toEqual(
      [0, 1, 2].flatMap((epoch) => [1, 2, 3, 4].map((step) => [epoch, step])),
    );
    expect(steps[0]?.lr).toBe(0);
    expect(events.filter(({ kind }) => kind === 'epoch')).toHaveLength(3);
    expect(logOf(out)[0]).toMatchObject({ kind: 'step', epoch: 0, step: 1, loss: steps[0]?.loss, lr: 0, ...steps[0]?.parts });
    expect(result.metrics?.accuracy).toBeGreaterThan(0.5);
    for (const name of ['config.yaml', 'log.jsonl', 'metrics.json', 'report.html', 'checkpoints/last', 'checkpoints/best']) {
      expect(existsSync(join(out, name)), name).toBe(true);
    }
  });

  test('is the same run when it is repeated, and another with another seed', async () => {
    const [first, second, other] = [newRun(), newRun(), newRun()];
    await trained(testConfig(first));
    await trained(testConfig(second));
    await trained(testConfig(other, { seed: 43 }));
    expect(modelBytes(second)).toEqual(modelBytes(first));
    expect(modelBytes(other)).not.toEqual(modelBytes(first));
  });

  test('accumulates small batches into the steps of large ones', async () => {
    const whole = await trained(testConfig(newRun()), {}, linearTask({ dropout: false }));
    const config = testConfig(newRun(), { optimizer: { batchSize: 3, accumulate: 2 } });
    const small = await trained(config, {}, linearTask({ dropout: false }));
    expect(small.steps).toHaveLength(whole.steps.length);
    for (const [i, step] of small.steps.entries()) expect(step.loss).toBeCloseTo(whole.steps[i]?.loss as number, 5);
  });

  test('refuses a folder that holds a run, and says how to go on with it', async () => {
    const config = testConfig(newRun(), { run: { maxSteps: 1 } });
    await trained(config);
    await expect(trained(config)).rejects.toThrow(/holds a run already.*--resume/);
  });
});

describe('a run that clips its gradients', () => {
  test('logs their norm, and steps no farther than it may', async () => {
    const [free, clipped] = [newRun(), newRun()];
    await trained(testConfig(free));
    await trained(testConfig(clipped, { optimizer: { clipGrad: 0.01 } }));
    const norms = logOf(clipped).flatMap((line) => (line.kind === 'step' ? [line.grad_norm] : []));
    expect(norms).toHaveLength(3 * STEPS);
    for (const norm of norms) expect(norm).toBeGreaterThan(0.01);
    expect(logOf(free).some((line) => 'grad_norm' in line)).toBe(false);
    expect(modelBytes(clipped)).not.toEqual(modelBytes(free));
  });
});

describe('a resumed run', () => {
  test.each([1, STEPS + 2, 2 * STEPS])('that was stopped after %i steps ends as one that was left alone', async (steps) => {
    const [whole, broken] = [newRun(), newRun()];
    const optimizer = { ema: 0.9 };
    const uninterrupted = await trained(testConfig(whole, { optimizer }));
    const { result } = await stoppedAfter(testConfig(broken, { optimizer }), steps);
    expect(result).toMatchObject({ ending: 'stopped', steps });
    const resumed = await trained(testConfig(broken, { optimizer, workers: 2 }), { resume: true });
    expect(resumed.result).toEqual({ ...uninterrupted.result, runFolder: broken });
    expect(modelBytes(broken)).toEqual(modelBytes(whole));
    expect(modelBytes(broken, 'best')).toEqual(modelBytes(whole, 'best'));
    expect(metricsOf(broken)).toEqual(metricsOf(whole));
    expect(logOf(broken)).toEqual(logOf(whole));
  });

  test('that was stopped while it evaluated evaluates again', async () => {
    const [whole, broken] = [newRun(), newRun()];
    await trained(testConfig(whole));
    let evaluating = false;
    const events: TrainingEvent[] = [];
    const result = await train(linearTask(), testConfig(broken), {
      onEvent: (event) => {
        events.push(event);
        evaluating ||= event.kind === 'evaluating';
      },
      shouldStop: () => evaluating,
    });
    expect(result).toMatchObject({ ending: 'stopped', epochs: 0, steps: STEPS, metrics: null });
    await trained(testConfig(broken), { resume: true });
    expect(metricsOf(broken)).toEqual(metricsOf(whole));
    expect(modelBytes(broken)).toEqual(modelBytes(whole));
  });

  test('that had reached its step limit goes on as if it had had none', async () => {
    const [whole, limited] = [newRun(), newRun()];
    await trained(testConfig(whole));
    const first = await trained(testConfig(limited, { run: { maxSteps: 6 } }));
    expect(first.result).toMatchObject({ ending: 'maxSteps', steps: 6, epochs: 1 });
    expect(first.result.metrics).not.toBeNull();
    await trained(testConfig(limited), { resume: true });
    expect(modelBytes(limited)).toEqual(modelBytes(whole));
    expect(metricsOf(limited)).toEqual(metricsOf(whole));
    expect(logOf(limited)).toEqual(logOf(whole));
  });

  test('starts from the beginning when it was killed before its first checkpoint', async () => {
    const [whole, early] = [newRun(), newRun()];
    await trained(testConfig(whole));
    await trained(testConfig(early, { run: { maxSteps: 1 } }));
    rmSync(join(early, 'checkpoints'), { recursive: true });
    await trained(testConfig(early), { resume: true });
    expect(modelBytes(early)).toEqual(modelBytes(whole));
  });

  test('refuses options and data that would change its numbers', async () => {
    const out = newRun();
    await trained(testConfig(out, { run: { maxSteps: 2 } }));
    await expect(trained(testConfig(out, { optimizer: { lr: 1 } }), { resume: true })).rejects.toThrow(/other options/);
    const fewer = linearTask({ dataset: { ...dataset, train: dataset.train.slice(1) } });
    await expect(trained(testConfig(out), { resume: true }, fewer)).rejects.toThrow(/24 train pictures.*23 now/);
  });
});

describe('what ends a run early', () => {
  test('no better metric for as many epochs as its patience', async () => {
    const config = testConfig(newRun(), { optimizer: { epochs: 20, lr: 1e-9, minLr: 1e-10 }, run: { patience: 2 } });
    const { result } = await trained(config);
    expect(result).toMatchObject({ ending: 'patience', epochs: 3, best: { epoch: 0 } });
  });

  test('a time limit of this process', async () => {
    const { result } = await trained(testConfig(newRun(), { optimizer: { epochs: 10_000 }, run: { maxMinutes: 0.01 } }));
    expect(result.ending).toBe('maxMinutes');
    expect(result.metrics).not.toBeNull();
  });

  test('a loss that is not a number: the last checkpoint stays good', async () => {
    const out = newRun();
    let steps = 0;
    const task = linearTask({ onLoss: () => void steps++ });
    const { loss } = task;
    task.loss = (batch, moment) => loss(steps === 6 ? { ...batch, images: batch.images.fill(Number.NaN) } : batch, moment);
    const failure = trained(testConfig(out), {}, task);
    await expect(failure).rejects.toMatchObject({
      code: 'DIVERGED',
      message: expect.stringMatching(/became NaN in epoch 1 at step 7/),
    });
    expect(readCheckpointState(join(out, 'checkpoints', 'last'))).toMatchObject({ epoch: 1, step: 0, globalStep: STEPS });
  });

  test('weights that are not finite, before they reach a checkpoint', async () => {
    const out = newRun();
    const failure = trained(testConfig(out, { optimizer: { lr: 1e38, warmupEpochs: 0 }, run: { checkpointMinutes: 0 } }));
    await expect(failure).rejects.toMatchObject({ code: 'DIVERGED' });
    expect(existsSync(join(out, 'checkpoints', 'last'))).toBe(false);
  });
});
