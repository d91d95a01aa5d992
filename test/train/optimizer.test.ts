import { execFileSync, spawnSync } from 'node:child_process';
import { describe, expect, test } from 'vitest';
import { backward, ops, scope, type Tensor, tensor, toArray } from '#uafer/engine/index.js';
import {
  clipGradients,
  createOptimizer,
  type Optimizer,
  optimizerStep,
  optimizerTensors,
  restoreOptimizer,
  zeroGrad,
} from '#uafer/train/optimizer.js';
import { python } from '../support/python.js';

const INITIAL = [0.5, -1.25, 2, 0.125];
const TARGET = [1, 1, -1, 0];
const LR = 0.01;
const DECAY = 0.1;

function model() {
  return { 'a.weight': tensor(INITIAL, [2, 2]), 'a.bias': tensor(INITIAL.slice(0, 2), [2]) };
}

const groups = [
  { names: ['a.weight'], lrScale: 1, weightDecay: DECAY },
  { names: ['a.bias'], lrScale: 0.65, weightDecay: 0 },
];

/** Sum of the squared distances to TARGET, scaled by the step so that gradients differ from step to step. */
function descend(optimizer: Optimizer, state: Record<string, Tensor>, steps: number, lr = LR): void {
  for (let i = 1; i <= steps; i++) {
    zeroGrad(optimizer);
    scope(() => {
      const losses = Object.values(state).map((parameter) => {
        const target = tensor(TARGET.slice(0, parameter.shape.length === 2 ? 4 : 2), parameter.shape);
        return ops.sum(ops.mul(ops.pow(ops.sub(parameter, target), tensor([2], [])), i));
      });
      backward(losses.reduce((a, b) => ops.add(a, b)));
    });
    optimizerStep(optimizer, lr);
  }
}

/** AdamW in doubles, from its paper: decoupled decay, bias-corrected moments. */
function closedForm(initial: readonly number[], steps: number, lr: number, decay: number, beta2 = 0.999): number[] {
  return initial.map((start, k) => {
    let [p, m, v] = [start, 0, 0];
    for (let t = 1; t <= steps; t++) {
      const gradient = 2 * t * (p - (TARGET[k] as number));
      m = 0.9 * m + 0.1 * gradient;
      v = beta2 * v + (1 - beta2) * gradient * gradient;
      p -= lr * decay * p;
      p -= (lr * (m / (1 - 0.9 ** t))) / (Math.sqrt(v / (1 - beta2 ** t)) + 1e-8);
    }
    return p;
  });
}

function expectClose(actual: readonly number[], expected: readonly number[], tolerance: number): void {
  expect(actual).toHaveLength(expected.length);
  for (const [i, value] of actual.entries()) expect(Math.abs(value - (expected[i] as number))).toBeLessThan(tolerance);
}

describe('AdamW', () => {
  test('follows its closed form, with each group its own rate and decay', () => {
    const state = model();
    descend(createOptimizer(state, groups), state, 7);
    expectClose(toArray(state['a.weight']), closedForm(INITIAL, 7, LR, DECAY), 1e-6);
    expectClose(toArray(state['a.bias']), closedForm(INITIAL.slice(0, 2), 7, LR * 0.65, 0), 1e-6);
  });

  test('averages the squared gradients as fast as it is told to', () => {
    const state = model();
    descend(createOptimizer(state, groups, { beta2: 0.9 }), state, 7);
    expectClose(toArray(state['a.weight']), closedForm(INITIAL, 7, LR, DECAY, 0.9), 1e-6);
  });

  test('does what torch.optim.AdamW does', (context) => {
    if (spawnSync(python, ['-c', 'import torch']).status !== 0) context.skip(`${python} has no torch`);
    const program = `
import json, torch
w = torch.nn.Parameter(torch.tensor(${JSON.stringify(INITIAL)}).view(2, 2)); b = torch.nn.Parameter(torch.tensor(${JSON.stringify(INITIAL.slice(0, 2))}))
t = torch.tensor(${JSON.stringify(TARGET)}, dtype=torch.float32)
o = torch.optim.AdamW([dict(params=[w], lr=${LR}, weight_decay=${DECAY}), dict(params=[b], lr=${LR * 0.65}, weight_decay=0.0)])
for i in range(1, 8):
    o.zero_grad()
    (i * ((w - t.view(2, 2)) ** 2).sum() + i * ((b - t[:2]) ** 2).sum()).backward()
    o.step()
print(json.dumps([w.flatten().tolist(), b.tolist()]))`;
    const [weight, bias] = JSON.parse(execFileSync(python, ['-c', program], { encoding: 'utf8' }));
    const state = model();
    descend(createOptimizer(state, groups), state, 7);
    expectClose(toArray(state['a.weight']), weight, 1e-6);
    expectClose(toArray(state['a.bias']), bias, 1e-6);
  });

  test('leaves a parameter without a gradient alone, weight decay included', () => {
    const state = model();
    const optimizer = createOptimizer(state, groups);
    scope(() => backward(ops.sum(state['a.bias'])));
    optimizerStep(optimizer, LR);
    expect(toArray(state['a.weight'])).toEqual(INITIAL);
    expect([...optimizer.moments.keys()]).toEqual(['a.bias']);
  });

  test('goes on from restored moments to the very same bits', () => {
    const first = model();
    const before = createOptimizer(first, groups);
    descend(before, first, 2);
    const after = createOptimizer(first, groups);
    restoreOptimizer(after, optimizerTensors(before), 'optimizer.safetensors');
    const straight = model();
    const uninterrupted = createOptimizer(straight, groups);
    descend(uninterrupted, straight, 2);
    descend(uninterrupted, straight, 2);
    descend(after, first, 2);
    expect(toArray(first['a.weight'])).toEqual(toArray(straight['a.weight']));
    expect(toArray(first['a.bias'])).toEqual(toArray(straight['a.bias']));
  });

  test('refuses moments of another model, naming the tensor', () => {
    const state = model();
    const optimizer = createOptimizer(state, groups);
    descend(optimizer, state, 1);
    const saved = optimizerTensors(optimizer);
    const fresh = () => createOptimizer(model(), groups);
    expect(() => restoreOptimizer(fresh(), { 'b/exp_avg': tensor([0], [1]) }, 'o.safetensors')).toThrow(
      /o\.safetensors holds "b\/exp_avg"/,
    );
    expect(() => restoreOptimizer(fresh(), { ...saved, 'a.bias/exp_avg': tensor([0], [1]) }, 'o.safetensors')).toThrow(
      /"a\.bias\/exp_avg" has shape \[1\], expected \[2\]/,
    );
    const { 'a.bias/step': _, ...incomplete } = saved;
    expect(() => restoreOptimizer(fresh(), incomplete, 'o.safetensors')).toThrow(/lacks "a\.bias\/step"/);
  });

  test('refuses a group that names no parameter of the model, or one twice', () => {
    expect(() => createOptimizer(model(), [{ names: ['c'], lrScale: 1, weightDecay: 0 }])).toThrow(/names "c"/);
    expect(() => createOptimizer(model(), [...groups, groups[1] as (typeof groups)[0]])).toThrow(/two parameter groups/);
  });
});

describe('clipping', () => {
  /** Gradients of norm 13: (3, 4) and 12. */
  const clipped = (most: number) =>
    scope(() => {
      const state = { a: tensor([1, 1], [2]), b: tensor([1], [1]), unused: tensor([1], [1]) };
      const optimizer = createOptimizer(state, [{ names: Object.keys(state), lrScale: 1, weightDecay: 0 }]);
      backward(ops.add(ops.sum(ops.mul(state.a, tensor([3, 4], [2]))), ops.sum(ops.mul(state.b, 12))));
      const norm = clipGradients(optimizer, most);
      return { norm, gradients: [state.a, state.b].flatMap(({ grad }) => (grad ? toArray(grad) : [])) };
    });

  test('scales all gradients together to the norm, and tells the norm before', () => {
    const { norm, gradients } = clipped(6.5);
    expect(norm).toBe(13);
    expectClose(gradients, [1.5, 2, 6], 1e-6);
  });

  test('leaves smaller gradients as they are', () => {
    expect(clipped(13.1)).toEqual({ norm: 13, gradients: [3, 4, 12] });
  });
});
