import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { TrainConfig } from '#uafer/config/schema.js';
import type { Dataset } from '#uafer/data/types.js';
import { readSafetensors, scope, type Tensor, tensor, writeSafetensors } from '#uafer/engine/index.js';
import { readCheckpointState } from '#uafer/run/checkpoint.js';
import type { TrainingEvent } from '#uafer/run/messages.js';
import { readRunLog } from '#uafer/run/runLog.js';
import type { Keeping, Task } from '#uafer/task/task.js';
import type { TrainHooks } from '#uafer/train/run.js';
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

const stateOf = (run: string) => readCheckpointState(join(run, 'checkpoints', 'last'));

/** Changes `state.json` of the last checkpoint by hand. */
function changeState(run: string, change: (state: Record<string, unknown> & { generators: object }) => object): void {
  const path = join(run, 'checkpoints/last/state.json');
  writeFileSync(path, JSON.stringify(change(JSON.parse(readFileSync(path, 'utf8')))));
}

/** Fills a tensor of a safetensors file with a value. */
function overwrite(path: string, name: string, value: number): void {
  scope(() => {
    const { tensors, metadata } = readSafetensors(path);
    const { shape } = tensors[name] as Tensor;
    const values = new Float32Array(shape.reduce((product, side) => product * side, 1)).fill(value);
    writeSafetensors(path, { ...tensors, [name]: tensor(values, shape) }, metadata);
  });
}

/** The linear task, whose n-th evaluation answers a given share of the pictures rightly, whatever it has learned. */
function answeringRightly(shares: number[]): Task {
  const task = linearTask();
  const classes = dataset.classes.length;
  const total = dataset.test.length;
  let done = 0;
  task.predict = ({ labels }) => {
    const share = shares[0] as number;
    const logits = Array.from(labels, (label, i) => {
      const right = done + i < Math.round(share * total);
      return Array.from({ length: classes }, (_, c) => (c === (Number(label) + (right ? 0 : 1)) % classes ? 1 : 0));
    }).flat();
    done += labels.length;
    if (done === total) {
      done = 0;
      shares.shift();
    }
    const probabilities = Float32Array.from(logits);
    return { logits: probabilities, probabilities, uncertainty: new Float32Array(labels.length) };
  };
  return task;
}

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

  test('that failed in an evaluation evaluates again: the epoch before it is not lost', async () => {
    const [whole, broken] = [newRun(), newRun()];
    const optimizer = { ema: 0.9 };
    await trained(testConfig(whole, { optimizer }));
    const task = linearTask();
    task.predict = () => {
      throw new Error('no memory left');
    };
    await expect(trained(testConfig(broken, { optimizer }), {}, task)).rejects.toThrow('no memory left');
    expect(stateOf(broken)).toMatchObject({ epoch: 0, step: STEPS, globalStep: STEPS });
    const { steps } = await trained(testConfig(broken, { optimizer }), { resume: true });
    expect(steps[0]).toMatchObject({ epoch: 1, step: 1 });
    expect(modelBytes(broken)).toEqual(modelBytes(whole));
    expect(modelBytes(broken, 'best')).toEqual(modelBytes(whole, 'best'));
    expect(metricsOf(broken)).toEqual(metricsOf(whole));
    expect(logOf(broken)).toEqual(logOf(whole));
  });

  test('writes the tensors of an epoch once, whatever the evaluation after it says', async () => {
    const out = newRun();
    let before = 0;
    await train(linearTask(), testConfig(out, { optimizer: { epochs: 1 } }), {
      onEvent: ({ kind }) => {
        if (kind === 'evaluating') before ||= statSync(join(out, 'checkpoints/last/model.safetensors')).ino;
      },
    });
    for (const which of ['last', 'best'])
      expect(statSync(join(out, 'checkpoints', which, 'model.safetensors')).ino).toBe(before);
  });

  test('whose limit in the middle of an epoch was its best so far has the best of its epochs again when it goes on', async () => {
    const out = newRun();
    // Shares of the test pictures that are answered rightly: after an epoch, at the limit, after the other epochs.
    const shares = [6 / 9, 1, 3 / 9, 3 / 9];
    const config = (maxSteps: number) => testConfig(out, { run: { maxSteps } });
    const first = await trained(config(STEPS), {}, answeringRightly(shares));
    expect(first.result.best).toMatchObject({ epoch: 0, value: 6 / 9 });
    const bestOfEpochs = modelBytes(out, 'best');
    const second = await trained(config(STEPS + 2), { resume: true }, answeringRightly(shares));
    expect(second.result.best).toMatchObject({ epoch: 1, value: 1 });
    expect(modelBytes(out, 'best')).toEqual(modelBytes(out, 'last'));
    expect(modelBytes(out, 'best')).not.toEqual(bestOfEpochs);
    const third = await trained(config(0), { resume: true }, answeringRightly(shares));
    expect(third.result.best).toMatchObject({ epoch: 0, value: 6 / 9 });
    expect(modelBytes(out, 'best')).toEqual(bestOfEpochs);
    expect(readdirSync(join(out, 'checkpoints')).sort()).toEqual(['best', 'last']);
  });

  test('takes nothing that is kept of pictures in other colours than its own', async () => {
    const config = testConfig(newRun(), { run: { maxSteps: 1 } });
    await trained(config);
    const closedOf = async (colour: 'rgb' | 'grey', maxSteps: number) => {
      let closed = 0;
      const keeping: Keeping = {
        ...{ what: 'sums', file: 'sums', variants: 1, notes: new Map(), keep: () => {}, count: () => ({ there: 0, all: 0 }) },
        close: () => {
          closed += 1;
        },
      };
      const own = linearTask();
      const task: Task = { ...own, preprocessing: { ...own.preprocessing, colour }, keeping: [keeping] };
      await trained({ ...config, run: { ...config.run, maxSteps } }, { resume: true }, task);
      return closed;
    };
    expect(await closedOf('rgb', 2)).toBe(0);
    expect(await closedOf('grey', 3)).toBe(1);
  });

  test('refuses options and data that would change its numbers', async () => {
    const out = newRun();
    await trained(testConfig(out, { run: { maxSteps: 2 } }));
    await expect(trained(testConfig(out, { optimizer: { lr: 1 } }), { resume: true })).rejects.toThrow(/other options/);
    const fewer = linearTask({ dataset: { ...dataset, train: dataset.train.slice(1) } });
    await expect(trained(testConfig(out), { resume: true }, fewer)).rejects.toThrow(/24 train pictures.*23 now/);
  });
});

describe('a damaged run', () => {
  const path = (run: string, file: string) => join(run, 'checkpoints/last', file);
  async function stoppedRun(optimizer: Partial<TrainConfig['optimizer']> = {}): Promise<string> {
    const out = newRun();
    await trained(testConfig(out, { optimizer, run: { maxSteps: STEPS + 1 } }));
    return out;
  }
  const resume = (out: string, optimizer: Partial<TrainConfig['optimizer']> = {}) =>
    trained(testConfig(out, { optimizer }), { resume: true });
  const withoutChecksums = (out: string) => changeState(out, ({ files: _, ...rest }) => rest);

  test('that has lost its last checkpoint is not begun again in silence', async () => {
    const out = await stoppedRun();
    rmSync(join(out, 'checkpoints/last'), { recursive: true });
    await expect(resume(out)).rejects.toMatchObject({
      code: 'CHECKPOINT',
      message: expect.stringMatching(/checkpoints\/last is missing, although .*best is there.*copying .*best to .*last/),
    });
    rmSync(join(out, 'checkpoints/best'), { recursive: true });
    await expect(resume(out)).rejects.toThrow(/log\.jsonl tells of more than one epoch/);
  });

  test('that was ended before its first checkpoint says that it begins again', async () => {
    const out = await stoppedRun();
    rmSync(join(out, 'checkpoints'), { recursive: true });
    writeFileSync(join(out, 'log.jsonl'), '');
    const { events } = await resume(out);
    expect(events).toContainEqual({ kind: 'log', text: expect.stringContaining('it begins again') });
  });

  test.each(['model', 'optimizer', 'ema'])('a flipped bit in %s.safetensors is noticed', async (name) => {
    const out = await stoppedRun({ ema: 0.9 });
    const file = path(out, `${name}.safetensors`);
    const bytes = readFileSync(file);
    bytes[bytes.length - 5] = (bytes.at(-5) as number) ^ 1;
    writeFileSync(file, bytes);
    await expect(resume(out, { ema: 0.9 })).rejects.toMatchObject({
      code: 'CHECKPOINT',
      message: expect.stringMatching(
        new RegExp(`last/${name}\\.safetensors is damaged: its checksum.*checkpoints/best can be copied`),
      ),
    });
  });

  test('a file that is cut short or gone is noticed', async () => {
    const out = await stoppedRun({ ema: 0.9 });
    const file = path(out, 'ema.safetensors');
    const whole = readFileSync(file);
    writeFileSync(file, whole.subarray(0, -4));
    await expect(resume(out, { ema: 0.9 })).rejects.toThrow(/ema\.safetensors has \d+ bytes; \d+ were written/);
    rmSync(file);
    await expect(resume(out, { ema: 0.9 })).rejects.toThrow(/ema\.safetensors is missing/);
  });

  test.each([
    ['exp_avg', Number.NaN],
    ['exp_avg', Number.POSITIVE_INFINITY],
    ['exp_avg_sq', -1],
    ['step', 1.5],
  ])('%s of %d is a damaged file, not a learning rate', async (kind, value) => {
    const out = await stoppedRun();
    withoutChecksums(out);
    overwrite(path(out, 'optimizer.safetensors'), `head.bias/${kind}`, value);
    await expect(resume(out)).rejects.toMatchObject({
      code: 'CHECKPOINT',
      message: expect.stringMatching(/optimizer\.safetensors is damaged: its moments of "head\.bias"/),
    });
  });

  test('weights that are not numbers are a damaged file', async () => {
    const out = await stoppedRun();
    withoutChecksums(out);
    overwrite(path(out, 'model.safetensors'), 'head.weight', Number.NaN);
    await expect(resume(out)).rejects.toThrow(/model\.safetensors is damaged: "head\.weight" holds numbers/);
  });

  test.each([
    [{ step: 1e9 }, /step 1000000000 of 4 in an epoch/],
    [{ epoch: 7 }, /epoch 7 of 3/],
    [{ globalStep: 6 }, /6 steps in all, where 1 epoch and 1 step make 5/],
    [{ best: { metric: 'accuracy', value: 1, epoch: 2 } }, /its best metric in epoch 2, before that epoch is done/],
  ])('a state that says %j does not fit the run', async (changes, said) => {
    const out = await stoppedRun();
    changeState(out, (state) => ({ ...state, ...changes }));
    await expect(resume(out)).rejects.toMatchObject({ code: 'CHECKPOINT', message: expect.stringMatching(said) });
  });
});

test('a run of a device that this machine lacks goes on, and says what that means', async () => {
  const [whole, moved] = [newRun(), newRun()];
  await trained(testConfig(whole));
  await trained(testConfig(moved, { run: { maxSteps: STEPS + 1 } }));
  changeState(moved, (state) => ({ ...state, generators: { ...state.generators, 'cuda:7': 'AAAA' } }));
  const { events } = await trained(testConfig(moved), { resume: true });
  expect(events).toContainEqual({ kind: 'log', text: expect.stringMatching(/was on cuda:7 and goes on on cpu/) });
  // The linear task draws on the processor's generator alone.
  expect(modelBytes(moved)).toEqual(modelBytes(whole));
});

test('a report that cannot be drawn is told of, and the run is complete', async () => {
  const out = newRun();
  mkdirSync(join(out, 'report.html'), { recursive: true });
  const { result, events } = await trained(testConfig(out));
  expect(result).toMatchObject({ ending: 'finished', epochs: 3 });
  const told = expect.stringMatching(/is complete, but its report could not be drawn: .*\n.*train --resume .* draws it/);
  expect(events).toContainEqual({ kind: 'log', text: told });
  rmSync(join(out, 'report.html'), { recursive: true });
  await trained(testConfig(out), { resume: true });
  expect(statSync(join(out, 'report.html')).isFile()).toBe(true);
});

describe('one process a run', () => {
  test('another training of the same folder is refused, and the folder is free at the end', async () => {
    const out = newRun();
    let second: Promise<unknown> | undefined;
    await train(linearTask(), testConfig(out), {
      onEvent: ({ kind }) => {
        if (kind === 'step')
          second ??= expect(trained(testConfig(out), { resume: true })).rejects.toMatchObject({ code: 'LOCKED' });
      },
    });
    expect(second).toBeDefined();
    await second;
    expect(existsSync(join(out, 'lock.json'))).toBe(false);
  });

  test('a run that fails gives its folder free', async () => {
    const out = newRun();
    await trained(testConfig(out, { run: { maxSteps: 1 } }));
    await expect(trained(testConfig(out, { optimizer: { lr: 1 } }), { resume: true })).rejects.toThrow(/other options/);
    expect(existsSync(join(out, 'lock.json'))).toBe(false);
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
      message: expect.stringMatching(/became NaN in epoch 2 at step 7/),
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
