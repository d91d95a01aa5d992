import { beforeAll, describe, expect, it } from 'vitest';
import { ops, scope, type Tensor, tensor, toArray } from '#uafer/engine/index.js';
import { readSafetensors } from '#uafer/engine/safetensors.js';
import {
  balancedLoss,
  cosineLoss,
  crossEntropyLoss,
  focalLoss,
  generalizedCrossEntropyLoss,
} from '#uafer/uafer/plainLosses.js';
import { fixture, jsonFixture } from '../support/fixtures.js';
import { centralDifferences, gradientAt } from '../support/gradients.js';
import { expectClose } from '../support/numbers.js';

type Loss = (logits: Tensor, labels: Tensor) => Tensor;

/** By the names of the fixture. */
const LOSSES: Record<string, Loss> = {
  ce: crossEntropyLoss,
  focal: focalLoss,
  focal_sum: (logits, labels) => ops.mul(focalLoss(logits, labels), labels.shape[0] as number),
  focal_gamma0: (logits, labels) => focalLoss(logits, labels, 0),
  balanced: balancedLoss,
  cosine: cosineLoss,
  gce: generalizedCrossEntropyLoss,
  'gce_q0.3': (logits, labels) => generalizedCrossEntropyLoss(logits, labels, 0.3),
};

interface Row {
  loss: string;
  input: string;
  value: number;
  grad_logits: number[][];
}

let inputs: Record<string, Tensor>;
let labels: Tensor;
beforeAll(() => {
  inputs = readSafetensors(fixture('loss_inputs.safetensors')).tensors;
  labels = inputs.labels as Tensor;
});

it.each(jsonFixture<Row[]>('plain_losses.json'))("$loss of $input logits is the original's, with its gradient", (row) => {
  const loss = LOSSES[row.loss] as Loss;
  const logits = ops.clone(inputs[row.input] as Tensor);
  expectClose([loss(logits, labels).item()], [row.value], { absolute: 1e-5 });
  expectClose(
    gradientAt(logits, (x) => loss(x, labels)),
    row.grad_logits.flat(),
    { absolute: 1e-6, relative: 1e-4 },
  );
});

it.each(Object.keys(LOSSES))('the gradient of %s agrees with finite differences', (name) => {
  scope(() => {
    const lossOf = (x: Tensor) => (LOSSES[name] as Loss)(x, labels);
    const { shape } = inputs.wide as Tensor;
    const point = toArray(inputs.wide as Tensor);
    const slopes = gradientAt(tensor(Float64Array.from(point), shape), lossOf);
    expectClose(slopes, centralDifferences(point, shape, lossOf), { absolute: 1e-8 });
  });
});

describe('of logits that are all alike, over two classes', () => {
  const alike = (loss: Loss) => loss(tensor(Float64Array.of(0.3, 0.3), [1, 2]), tensor(BigInt64Array.of(1n), [1])).item();
  it.each([
    ['ce', crossEntropyLoss, Math.log(2)],
    ['focal', focalLoss, Math.log(2) / 4],
    ['gce', generalizedCrossEntropyLoss, (1 - 0.5 ** 0.7) / 0.7],
    ['cosine', cosineLoss, 1 - Math.SQRT1_2],
  ] as const)('%s has its closed form', (_, loss, expected) => {
    expect(alike(loss)).toBeCloseTo(expected, 12);
  });
});

it.each([
  ['along', [2, 0, 0], 0],
  ['across', [0, 3, 0], 1],
  ['against', [-5, 0, 0], 2],
])('cosine of a vector %s the label', (_, logits, expected) => {
  expect(cosineLoss(tensor(logits, [1, 3]), tensor(BigInt64Array.of(0n), [1])).item()).toBeCloseTo(expected, 6);
});

it.each([
  ['one class', [0n, 0n, 0n, 0n], 0.9],
  ['two classes alike', [0n, 1n, 1n, 0n], 0.95],
  ['three of one and one of another', [2n, 2n, 1n, 2n], 1 - (0.75 ** 2 + 0.25 ** 2) / 10],
])('balanced weighs a batch of %s as a whole', (_, classes, weight) => {
  const logits = tensor(
    Float64Array.from({ length: 12 }, (__, i) => Math.sin(i)),
    [4, 3],
  );
  const truth = tensor(BigInt64Array.from(classes), [4]);
  expect(balancedLoss(logits, truth).item()).toBeCloseTo(weight * focalLoss(logits, truth).item(), 12);
});

it('survives a label that softmax rules out', () => {
  const [logits, truth] = [tensor([200, -200], [1, 2]), tensor(BigInt64Array.of(1n), [1])];
  expect(crossEntropyLoss(logits, truth).item()).toBeCloseTo(400, 3);
  expect(focalLoss(logits, truth).item()).toBeCloseTo(400, 3);
  expect(generalizedCrossEntropyLoss(logits, truth).item()).toBeCloseTo((1 - 1e-7 ** 0.7) / 0.7, 5);
});
