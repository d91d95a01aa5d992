import fc from 'fast-check';
import { expect, it } from 'vitest';
import { ops, type Tensor, tensor, toArray } from '#uafer/engine/index.js';
import { readSafetensors } from '#uafer/engine/safetensors.js';
import { dirichlet } from '#uafer/uafer/evidence.js';
import { fixture } from '../support/fixtures.js';
import { expectClose } from '../support/numbers.js';

const original = readSafetensors(fixture('kl.safetensors')).tensors;

it.each([
  ['relu', 'x'],
  ['exp', 'x10'],
  ['softplus', 'x'],
] as const)('%s gives the evidence of the original', (name, logits) => {
  const { evidence } = dirichlet(original[logits] as Tensor, name);
  expectClose(toArray(evidence), toArray(original[name] as Tensor), { absolute: 1e-5, relative: 1e-6 });
});

it('is wholly uncertain without evidence, and says each class alike', () => {
  const { strength, belief, uncertainty, probability } = dirichlet(tensor([-1, -2, 0, -0.5], [1, 4]), 'relu');
  expect(toArray(strength)).toEqual([4]);
  expect(toArray(belief)).toEqual([0, 0, 0, 0]);
  expect(toArray(uncertainty)).toEqual([1]);
  expect(toArray(probability)).toEqual([0.25, 0.25, 0.25, 0.25]);
});

// What normalising the logits over the classes does to ReLU evidence, for the seven expressions.
it.each([
  ['one class alone', [1, 0, 0, 0, 0, 0, 0], 7 / 8],
  ['all classes alike', new Array<number>(7).fill(1 / Math.sqrt(7)), 7 / (7 + Math.sqrt(7))],
])('is never certain of unit logits: %s', (_, logits, expected) => {
  expect(dirichlet(tensor(logits, [1, 7]), 'relu').uncertainty.item()).toBeCloseTo(expected, 6);
});

it('shares one unit among belief and uncertainty, and probability is belief and an equal part of the uncertainty', () => {
  const logits = fc
    .integer({ min: 2, max: 9 })
    .chain((classes) =>
      fc.tuple(
        fc.constant(classes),
        fc.array(fc.double({ min: -15, max: 15, noNaN: true }), { minLength: classes, maxLength: classes }),
      ),
    );
  fc.assert(
    fc.property(logits, fc.constantFrom('relu', 'exp', 'softplus'), ([classes, values], name) => {
      const { belief, uncertainty, probability } = dirichlet(tensor(Float64Array.from(values), [1, classes]), name);
      const u = uncertainty.item();
      expect(u).toBeGreaterThan(0);
      expect(u).toBeLessThanOrEqual(1);
      expect(ops.sum(belief).item() + u).toBeCloseTo(1, 10);
      expectClose(
        toArray(probability),
        toArray(belief).map((b) => b + u / classes),
        { absolute: 1e-12 },
      );
    }),
    { numRuns: 50 },
  );
});
