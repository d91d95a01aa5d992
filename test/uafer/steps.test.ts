import { describe, expect, test } from 'vitest';
import { readClip } from '#uafer/clip/readClip.js';
import { resolveConfig } from '#uafer/config/resolve.js';
import { backward, noGrad, ops, scope, type Tensor, toArray } from '#uafer/engine/index.js';
import { readSafetensors } from '#uafer/engine/safetensors.js';
import type { Task } from '#uafer/task/task.js';
import { createOptimizer, optimizerStep, zeroGrad } from '#uafer/train/optimizer.js';
import { learningRate } from '#uafer/train/schedule.js';
import { createUaFerTask } from '#uafer/uafer/uaferTask.js';
import { fixture, jsonFixture } from '../support/fixtures.js';

interface Steps {
  args: {
    alpha: number;
    topk: number;
    fix_layer: number;
    layer_decay: number;
    lamda_kd: number;
    lamda_ruc: number;
    epochs: number;
    label_nms: string[];
  };
  epoch: number;
  param_groups: { lr_scale: number; weight_decay: number; params: string[] }[];
  steps: { lr_groups: number[]; crit_means: Record<string, number>; kd_l1: number }[];
  /** What the original's test says of the first batch after the last step. */
  final_eval_acc_loss_batch0: [number, number];
}

/** What each variant of the original's loop changes beside its arguments. */
const VARIANTS: Record<string, Record<string, unknown>> = {
  ep0: {},
  ep5: {},
  ep5_fixm1_top4: {},
  ep5_log_avu: { 'loss.edlType': 'log', 'loss.withAvu': true },
  ep5_mse_kl: { 'loss.withKl': true },
  ep5_nokd: {},
};

/** The fixtures' README: 1e-5 absolute for losses, 1e-4 relative for gradients and parameters (Adam divides by small numbers). */
const LOSS = 1e-5;
const RELATIVE = 1e-4;

function setUp(variant: string, recompute = false) {
  const file = `tiny2h_train_${variant}`;
  const recorded = jsonFixture<Steps>(`${file}.json`);
  const { tensors } = readSafetensors(fixture(`${file}.safetensors`));
  const { args } = recorded;
  const config = resolveConfig({
    recipe: 'released',
    options: {
      dataPath: '.',
      clipPath: 'tiny2h_clip.safetensors',
      device: 'cpu',
      'model.alpha': args.alpha,
      'model.topk': args.topk,
      'optimizer.fixLayer': args.fix_layer,
      'optimizer.layerDecay': args.layer_decay,
      'loss.lambdaKd': args.lamda_kd,
      'loss.lambdaRuc': args.lamda_ruc,
      ...VARIANTS[variant],
    },
  });
  const dataset = { name: 'rafdb', root: '.', classes: args.label_nms, train: [], test: [] } as const;
  const clip = readClip(fixture('tiny2h_clip.safetensors'));
  const task = createUaFerTask(config, dataset, clip, { recompute });
  const optimizer = createOptimizer(task.state, task.groups);
  return { recorded, tensors, config, task, optimizer };
}

function batchAt(tensors: Record<string, Tensor>, step: number) {
  const images = ops.select(tensors.train_images as Tensor, 0, step);
  const labels = ops.select(tensors.train_labels as Tensor, 0, step);
  return {
    images: images.data() as Float32Array,
    shape: images.shape as [number, number, number, number],
    labels: labels.data() as BigInt64Array,
    indices: new Int32Array(labels.shape[0] as number),
  };
}

/** As the original counts it: of equal probabilities the first. */
function accuracyByProbability(probabilities: Float32Array, labels: BigInt64Array): number {
  const classes = probabilities.length / labels.length;
  const right = Array.from(labels).filter((label, i) => {
    const own = Array.from(probabilities.subarray(i * classes, (i + 1) * classes));
    return own.indexOf(Math.max(...own)) === Number(label);
  });
  return right.length / labels.length;
}

/** Largest difference over the largest magnitude of what was expected. */
function relativeDifference(found: Tensor, expected: Tensor): number {
  const [a, b] = [toArray(found), toArray(expected)];
  const scale = Math.max(...b.map(Math.abs));
  return Math.max(...a.map((value, i) => Math.abs(value - (b[i] as number)))) / scale;
}

/** Without the key third of `attn.in_proj_bias`: its true gradient is zero, and Adam turns rounding into a full step. */
function comparable(name: string, x: Tensor): Tensor {
  if (!name.endsWith('attn.in_proj_bias')) return x;
  const third = (x.shape[0] as number) / 3;
  return ops.cat([ops.slice(x, 0, 0, third), ops.slice(x, 0, 2 * third, 3 * third)]);
}

function expectParameters(task: Task, tensors: Record<string, Tensor>, prefix: string): void {
  for (const [name, expected] of Object.entries(tensors)) {
    if (!name.startsWith(prefix)) continue;
    const key = name.slice(prefix.length);
    const found = task.state[key] as Tensor;
    expect(relativeDifference(comparable(key, found), comparable(key, expected)), key).toBeLessThan(RELATIVE);
  }
}

describe.each(Object.keys(VARIANTS))("the original's training steps, %s", (variant) => {
  test('the parameter groups are the same, in the same order', () => {
    const { recorded, task } = setUp(variant);
    expect(
      task.groups.map(({ names, lrScale, weightDecay }) => ({
        lr_scale: lrScale,
        weight_decay: weightDecay,
        params: [...names].sort(),
      })),
    ).toEqual(
      recorded.param_groups.map((group) => ({
        ...group,
        lr_scale: expect.closeTo(group.lr_scale, 12),
        params: [...group.params].sort(),
      })),
    );
  });

  test('losses of every step, gradients of the first, parameters after 1, 5 and all steps', () => {
    const { recorded, tensors, config, task, optimizer } = setUp(variant);
    const steps = recorded.steps.length;
    recorded.steps.forEach((expected, step) => {
      scope(() => {
        zeroGrad(optimizer);
        const moment = { epoch: recorded.epoch, epochs: recorded.args.epochs, step, steps };
        const { loss, parts } = task.loss(batchAt(tensors, step), moment);
        backward(loss);
        for (const [name, value] of Object.entries(expected.crit_means)) {
          if (name !== 'lambda')
            expect(Math.abs((parts[name] as Tensor).item() - value), `${name} of step ${step}`).toBeLessThan(LOSS);
        }
        expect(Math.abs((parts.loss_kd as Tensor).item() - expected.kd_l1), `loss_kd of step ${step}`).toBeLessThan(LOSS);
        if (step === 0) expectGradients(task, tensors);
      });
      const lr = learningRate(recorded.epoch + step / steps, config.optimizer);
      task.groups.forEach(({ lrScale }, i) => {
        expect(lr * lrScale).toBeCloseTo(expected.lr_groups[i] as number, 12);
      });
      optimizerStep(optimizer, lr);
      scope(() => expectParameters(task, tensors, `p${step + 1}.`));
    });
    scope(() => {
      const batch = batchAt(tensors, 0);
      const prediction = noGrad(() => task.predict(batch));
      const wanted = toArray(tensors.final_eval_logits_on_batch0 as Tensor);
      wanted.forEach((value, i) => {
        expect(Math.abs((prediction.logits[i] as number) - value)).toBeLessThan(RELATIVE);
      });
      const [accuracy, loss] = recorded.final_eval_acc_loss_batch0;
      expect(accuracyByProbability(prediction.probabilities, batch.labels)).toBe(accuracy);
      // Recorded as of epoch 0, where the annealed terms are zero.
      expect(Math.abs((task.evaluationLoss?.(prediction, batch.labels, 0) as number) - loss)).toBeLessThan(LOSS);
    });
  });

  test('sharing the frozen blocks with the teacher changes no bit of loss and gradients', () => {
    const answers = [false, true].map((recompute) => {
      const { recorded, tensors, task } = setUp(variant, recompute);
      const { loss } = task.loss(batchAt(tensors, 0), {
        epoch: recorded.epoch,
        epochs: recorded.args.epochs,
        step: 0,
        steps: 10,
      });
      backward(loss);
      const gradients = task.groups
        .flatMap(({ names }) => names)
        .map((name) => toArray((task.state[name] as Tensor).grad as Tensor));
      return { loss: loss.item(), gradients };
    });
    expect(answers[0]).toEqual(answers[1]);
  });
});

function expectGradients(task: Task, tensors: Record<string, Tensor>): void {
  for (const [name, expected] of Object.entries(tensors)) {
    if (!name.startsWith('grad1.')) continue;
    const key = name.slice('grad1.'.length);
    const found = (task.state[key] as Tensor).grad as Tensor;
    expect(relativeDifference(comparable(key, found), comparable(key, expected)), `gradient of ${key}`).toBeLessThan(RELATIVE);
  }
}
