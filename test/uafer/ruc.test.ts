import { describe, expect, it } from 'vitest';
import { type Tensor, tensor, toArray } from '#uafer/engine/index.js';
import { readSafetensors } from '#uafer/engine/safetensors.js';
import { accuracyVersusUncertainty, klToUniform, misleadingAlpha } from '#uafer/uafer/ruc.js';
import { fixture } from '../support/fixtures.js';
import { expectClose } from '../support/numbers.js';

describe('klToUniform', () => {
  it('gives the numbers of the original', () => {
    const { alpha, kl_to_uniform } = readSafetensors(fixture('kl.safetensors')).tensors as Record<string, Tensor>;
    const kl = klToUniform(alpha as Tensor);
    expect(kl.shape).toEqual([5, 1]);
    expectClose(toArray(kl), toArray(kl_to_uniform as Tensor), { absolute: 1e-5 });
  });

  it.each([2, 3, 7])('is 0 for the uniform distribution over %i classes', (classes) => {
    const uniform = tensor(new Float64Array(classes).fill(1), [1, classes]);
    expect(klToUniform(uniform).item()).toBeCloseTo(0, 12);
  });

  // The density relative to the uniform one is C x_1, so KL = E[log C x_1] = log C + psi(2) - psi(C + 1).
  it.each([2, 3, 7])('of one observation among %i classes is log C - (1/2 + ... + 1/C)', (classes) => {
    const alpha = tensor(
      Float64Array.from({ length: classes }, (_, c) => (c === 0 ? 2 : 1)),
      [1, classes],
    );
    let harmonic = 0;
    for (let k = 2; k <= classes; k++) harmonic += 1 / k;
    expect(klToUniform(alpha).item()).toBeCloseTo(Math.log(classes) - harmonic, 12);
  });
});

it("takes the true class's evidence away, and no other", () => {
  const alpha = tensor([5, 2, 1, 1, 3, 4], [2, 3]);
  const labels = tensor([1, 0, 0, 0, 0, 1], [2, 3]);
  expect(toArray(misleadingAlpha(alpha, labels))).toEqual([1, 2, 1, 1, 3, 1]);
});

describe('accuracyVersusUncertainty', () => {
  const probability = tensor([0.7, 0.2, 0.1, 0.7, 0.2, 0.1], [2, 3]);
  const uncertainty = tensor([0.4, 0.4], [2, 1]);
  /** The first prediction is right, the second wrong. */
  const labels = tensor(BigInt64Array.of(0n, 2n), [2]);
  const avu = (coefficient: number, disentangle: boolean) =>
    toArray(accuracyVersusUncertainty({ probability, uncertainty }, labels, coefficient, { disentangle }));

  it('weighs certainty of the right and uncertainty of the wrong by confidence', () => {
    expectClose(avu(0.3, false), [-0.3 * 0.7 * Math.log(0.6), -0.7 * 0.3 * Math.log(0.4)], { absolute: 1e-6 });
  });

  it('has confidence inside the logarithm when disentangled', () => {
    expectClose(avu(0.3, true), [-0.3 * Math.log(0.7 * 0.6), -0.7 * Math.log(0.3 * 0.4)], { absolute: 1e-6 });
  });

  it('is about wrong predictions at first and about right ones in the end', () => {
    const [rightFirst, wrongFirst] = avu(0, false) as [number, number];
    const [rightLast, wrongLast] = avu(1, false) as [number, number];
    expect([rightFirst, wrongLast]).toEqual([0, 0]);
    expect(Math.min(wrongFirst, rightLast)).toBeGreaterThan(0.1);
  });

  it('stays finite where a logarithm would not', () => {
    const opinion = { probability: tensor([1, 0], [1, 2]), uncertainty: tensor([1], [1, 1]) };
    const right = accuracyVersusUncertainty(opinion, tensor(BigInt64Array.of(0n), [1]), 1, { disentangle: false });
    expect(right.item()).toBeCloseTo(-Math.log(1e-10), 4);
  });
});
