import { describe, expect, it } from 'vitest';
import type { LossConfig } from '#uafer/config/schema.js';
import { ops, scope, tensor, toArray } from '#uafer/engine/index.js';
import { dirichletMultinomialLoss } from '#uafer/uafer/dirichletMultinomial.js';
import { edlTerms } from '#uafer/uafer/edl.js';
import { dirichlet } from '#uafer/uafer/evidence.js';
import { fuse } from '#uafer/uafer/fusion.js';
import { classificationLoss, distillationLoss, opinionsLoss, type Targets } from '#uafer/uafer/losses.js';
import { crossEntropyLoss } from '#uafer/uafer/plainLosses.js';
import { accuracyVersusUncertainty } from '#uafer/uafer/ruc.js';
import { lossConfig } from './lossConfig.js';

const logits = tensor([0.9, -0.1, 0.4, 0.2, 0.1, 0.8], [2, 3]);
/** The first is predicted rightly, the second wrongly. */
const labels = tensor(BigInt64Array.of(0n, 1n), [2]);

function valuesOf(changes: Partial<LossConfig>, epoch = 5) {
  return scope(() => {
    const { loss, parts } = classificationLoss(logits, { labels }, lossConfig(changes), { epoch, epochs: 50 });
    const values = Object.fromEntries(Object.entries(parts).map(([name, part]) => [name, part.item()]));
    return { loss: loss.item(), parts: values as Partial<Record<string, number>>, names: Object.keys(parts).sort() };
  });
}

describe('classificationLoss', () => {
  it('is the classification term alone by default; the variance is only reported', () => {
    const { loss, parts, names } = valuesOf({});
    expect(names).toEqual(['loss_cls', 'loss_var']);
    expect(loss).toBe(parts.loss_cls);
    expect(parts.loss_var).toBeGreaterThan(0);
  });

  it('adds annealed KL', () => {
    const [early, late] = [valuesOf({ withKl: true }, 5), valuesOf({ withKl: true }, 10)];
    expect(early.names).toEqual(['loss_cls', 'loss_kl', 'loss_var']);
    expect(early.loss).toBeCloseTo((early.parts.loss_cls ?? 0) + (early.parts.loss_kl ?? 0), 6);
    expect(early.parts.loss_kl).toBeCloseTo((late.parts.loss_kl ?? 0) / 2, 6);
  });

  it.each(['log', 'digamma'] as const)('adds AvU to %s, weighted', (edlType) => {
    const { loss, parts, names } = valuesOf({ edlType, withAvu: true, lambdaRuc: 3 });
    expect(names).toEqual(['loss_avu', 'loss_cls']);
    expect(parts.loss_avu).toBeGreaterThan(0);
    expect(loss).toBeCloseTo((parts.loss_cls ?? 0) + 3 * (parts.loss_avu ?? 0), 6);
  });

  it('leaves AvU out when KL is on', () => {
    const both = valuesOf({ edlType: 'log', withKl: true, withAvu: true, lambdaRuc: 3 });
    expect(both).toEqual(valuesOf({ edlType: 'log', withKl: true }));
    expect(both.names).toEqual(['loss_cls', 'loss_kl']);
  });

  it('always adds KL to cross_entropy', () => {
    const { loss, parts, names } = valuesOf({ edlType: 'cross_entropy' });
    expect(names).toEqual(['loss_cls', 'loss_kl', 'loss_var']);
    expect(loss).toBeCloseTo((parts.loss_cls ?? 0) + (parts.loss_kl ?? 0), 6);
  });

  it('knows no AvU of mse', () => {
    expect(valuesOf({ withAvu: true })).toEqual(valuesOf({}));
  });

  it('follows the annealing that is asked for', () => {
    const kl = (annealing: LossConfig['annealing']) => valuesOf({ withKl: true, annealing }, 25).parts.loss_kl ?? 0;
    expect(kl('exp')).toBeCloseTo(0.1 * kl('step'), 6);
    expect(kl('none')).toBeCloseTo(0.1 * kl('step'), 6);
  });

  it.each(['ce', 'focal', 'balanced', 'cosine', 'gce'] as const)(
    'has one part with %s, whatever EDL would do',
    (lossFunction) => {
      const { loss, parts, names } = valuesOf({ lossFunction, withKl: true, withAvu: true });
      expect(names).toEqual(['loss_cls']);
      expect(loss).toBe(parts.loss_cls);
    },
  );

  it('tells the losses apart', () => {
    const losses = (['ce', 'focal', 'balanced', 'cosine', 'gce'] as const).map(
      (lossFunction) => valuesOf({ lossFunction }).loss,
    );
    expect(new Set(losses).size).toBe(losses.length);
    expect(losses[0]).toBeCloseTo(crossEntropyLoss(logits, labels).item(), 6);
  });

  it('computes half precision in float32', () => {
    const half = ops.toDtype(logits, 'bfloat16');
    const when = { epoch: 0, epochs: 50 };
    const { loss } = classificationLoss(half, { labels }, lossConfig({ edlType: 'digamma' }), when);
    const rounded = classificationLoss(ops.toDtype(half, 'float32'), { labels }, lossConfig({ edlType: 'digamma' }), when);
    expect(loss.dtype).toBe('float32');
    expect(loss.item()).toBe(rounded.loss.item());
  });
});

describe('opinionsLoss', () => {
  const opinion = (scale: number) => dirichlet(ops.mul(logits, scale), 'softplus');
  const [global, local] = [opinion(1), opinion(3)];
  const opinions = { fused: fuse('average', global, local), global, local };
  const at = (changes: Partial<LossConfig>) =>
    scope(() => {
      const { loss, parts } = opinionsLoss(opinions, labels, lossConfig(changes), { epoch: 5, epochs: 50 });
      const values = Object.fromEntries(Object.entries(parts).map(([name, part]) => [name, part.item()]));
      return { loss: loss.item(), parts: values as Partial<Record<string, number>>, names: Object.keys(parts).sort() };
    });

  it("adds each branch's own loss to that of the fused opinion, weighted", () => {
    const { loss, parts } = at({ edlType: 'digamma', lambdaBranch: 0.5 });
    const sum = (parts.loss_global as number) + (parts.loss_local as number);
    expect(loss).toBeCloseTo((parts.loss_cls as number) + 0.5 * sum, 6);
    const alone = at({ edlType: 'digamma', lambdaBranch: 0 });
    expect(alone.names).toEqual(['loss_cls']);
    expect(alone.loss).toBe(alone.parts.loss_cls);
  });

  it('gives a branch the loss that its opinion has by itself', () => {
    const own = edlTerms(global, labels, lossConfig({ edlType: 'log' }), 0.5).classification;
    expect(at({ edlType: 'log' }).parts.loss_global).toBeCloseTo(ops.mean(own).item(), 6);
  });

  it('has AvU beside KL, of the fused opinion', () => {
    const { loss, parts } = at({ edlType: 'digamma', withKl: true, withAvu: true, lambdaRuc: 2, lambdaBranch: 0 });
    expect(loss).toBeCloseTo((parts.loss_cls as number) + (parts.loss_kl as number) + 2 * (parts.loss_avu as number), 6);
    const avu = accuracyVersusUncertainty(opinions.fused, labels, 0.5, { disentangle: false });
    expect(parts.loss_avu).toBeCloseTo(ops.mean(avu).item(), 6);
  });
});

describe('votes', () => {
  const moment = { epoch: 0, epochs: 1 };
  const value = (changes: Partial<LossConfig>, targets: Partial<Targets>) =>
    classificationLoss(logits, { labels, ...targets }, lossConfig(changes), moment).loss.item();

  it('are counts to the likelihood of the votes', () => {
    const counts = Float32Array.of(5, 3, 0, 0, 0, 2);
    expect(value({ lossFunction: 'dm' }, { counts })).toBe(dirichletMultinomialLoss(logits, counts).item());
  });

  it('are one for the label where there are none', () => {
    expect(value({ lossFunction: 'dm' }, {})).toBeCloseTo(crossEntropyLoss(logits, labels).item(), 6);
  });

  it('are shares to cross-entropy', () => {
    const shares = Float32Array.of(0.7, 0.3, 0, 0.5, 0, 0.5);
    const rows = toArray(ops.logSoftmax(logits, 1));
    const wanted = -[...shares].reduce((sum, share, i) => sum + share * (rows[i] as number), 0) / 2;
    expect(value({ lossFunction: 'ce' }, { shares })).toBeCloseTo(wanted, 6);
  });
});

it('distils by the mean absolute difference', () => {
  const [features, teacher] = [tensor([0.6, 0.8, 1, 0], [2, 2]), tensor([3, 0.8, 1, -4], [2, 2])];
  expect(distillationLoss(features, teacher).item()).toBeCloseTo((2.4 + 0 + 0 + 4) / 4, 6);
});
