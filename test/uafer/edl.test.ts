import { beforeAll, describe, expect, it } from 'vitest';
import type { LossConfig } from '#uafer/config/schema.js';
import { ops, scope, type Tensor, tensor, toArray } from '#uafer/engine/index.js';
import { readSafetensors } from '#uafer/engine/safetensors.js';
import { annealingCoefficient } from '#uafer/uafer/annealing.js';
import { type EdlConfig, edlTerms } from '#uafer/uafer/edl.js';
import { dirichlet } from '#uafer/uafer/evidence.js';
import { classificationLoss } from '#uafer/uafer/losses.js';
import { accuracyVersusUncertainty } from '#uafer/uafer/ruc.js';
import { fixture, jsonFixture } from '../support/fixtures.js';
import { centralDifferences, gradientAt } from '../support/gradients.js';
import { expectClose } from '../support/numbers.js';
import { lossConfig } from './lossConfig.js';

type EdlType = LossConfig['edlType'];
const EDL_TYPES: readonly EdlType[] = ['mse', 'log', 'digamma', 'cross_entropy'];
const EVIDENCE: readonly LossConfig['evidence'][] = ['relu', 'exp', 'softplus'];

/** One call of the original: its settings, what it returned for each sample, and the gradient of the loss that it trains on. */
interface Row {
  input: string;
  loss_type: EdlType;
  evidence: LossConfig['evidence'];
  with_kldiv: boolean;
  with_avuloss: boolean;
  disentangle: boolean;
  annealing_method: LossConfig['annealing'];
  epoch: number;
  total_epoch: number;
  values: { loss_cls: number[]; loss_var?: number[]; loss_kl?: number[]; loss_avu?: number[] };
  rank_loss: number;
  grad_logits: number[][];
}

let inputs: Record<string, Tensor>;
let labels: Tensor;
beforeAll(() => {
  inputs = readSafetensors(fixture('loss_inputs.safetensors')).tensors;
  labels = inputs.labels as Tensor;
});

const rows = jsonFixture<Row[]>('edl_losses.json');
const cases = EDL_TYPES.flatMap((edlType) => EVIDENCE.map((evidence) => [edlType, evidence] as const));

function configOf(row: Row): LossConfig {
  return lossConfig({
    edlType: row.loss_type,
    evidence: row.evidence,
    annealing: row.annealing_method,
    withKl: row.with_kldiv,
    withAvu: row.with_avuloss,
    disentangle: row.disentangle,
  });
}

const coefficientOf = (row: Row) => annealingCoefficient(row.annealing_method, row.epoch, row.total_epoch);
const values = (x: Tensor | undefined) => (x ? toArray(x) : undefined);

describe.each(cases)("the original's numbers: %s on %s", (edlType, evidence) => {
  const own = rows.filter((row) => row.loss_type === edlType && row.evidence === evidence);

  it('every term of every sample', () => {
    expect(own.length).toBeGreaterThan(0);
    for (const row of own) {
      scope(() => {
        const terms = edlTerms(dirichlet(inputs[row.input] as Tensor, row.evidence), labels, configOf(row), coefficientOf(row));
        const { loss_cls, loss_var, loss_kl, loss_avu } = row.values;
        expectClose(toArray(terms.classification), loss_cls, { absolute: 1e-5 });
        expect(terms.kl === undefined).toBe(loss_kl === undefined);
        if (loss_kl) expectClose(values(terms.kl) ?? [], loss_kl, { absolute: 1e-5 });
        if (loss_var) expectClose(values(terms.variance) ?? [], loss_var, { absolute: 1e-5 });
        // With KL the original computes AvU and then leaves it out of its loss.
        if (loss_avu && !loss_kl) expectClose(values(terms.avu) ?? [], loss_avu, { absolute: 1e-5 });
        else expect(terms.avu).toBeUndefined();
      });
    }
  });

  it('the loss that is trained on, and its gradient', () => {
    for (const row of own) {
      scope(() => {
        const when = { epoch: row.epoch, epochs: row.total_epoch };
        const lossOf = (x: Tensor) => classificationLoss(x, { labels }, configOf(row), when).loss;
        const logits = ops.clone(inputs[row.input] as Tensor);
        expectClose([lossOf(logits).item()], [row.rank_loss], { absolute: 1e-5 });
        expectClose(gradientAt(logits, lossOf), row.grad_logits.flat(), { absolute: 1e-6, relative: 1e-4 });
      });
    }
  });
});

it("AvU gives the original's numbers where its loss leaves them out, too", () => {
  const withBoth = rows.filter(({ values: { loss_kl, loss_avu } }) => loss_kl && loss_avu);
  expect(withBoth.length).toBeGreaterThan(0);
  for (const row of withBoth) {
    scope(() => {
      const opinion = dirichlet(inputs[row.input] as Tensor, row.evidence);
      const avu = accuracyVersusUncertainty(opinion, labels, coefficientOf(row), { disentangle: row.disentangle });
      expectClose(toArray(avu), row.values.loss_avu as number[], { absolute: 1e-5 });
    });
  }
});

describe('without evidence, over C = 7 classes', () => {
  const terms = (edlType: EdlType) =>
    edlTerms(
      dirichlet(tensor(new Float64Array(7), [1, 7]), 'relu'),
      tensor(BigInt64Array.of(2n), [1]),
      lossConfig({ edlType }),
      1,
    );

  it.each([
    ['mse', 6 / 7],
    ['log', Math.log(7)],
    ['digamma', 1 + 1 / 2 + 1 / 3 + 1 / 4 + 1 / 5 + 1 / 6],
    ['cross_entropy', Math.log(7)],
  ] as const)('%s is that of guessing', (edlType, expected) => {
    expect(terms(edlType).classification.item()).toBeCloseTo(expected, 10);
  });

  it('the variance is (C - 1) / (C (C + 1)), and nothing misleads', () => {
    expect(terms('mse').variance?.item()).toBeCloseTo(6 / 56, 10);
    expect(terms('cross_entropy').kl?.item()).toBeCloseTo(0, 10);
  });
});

it('reports the variance without a gradient', () => {
  const logits = tensor([0.5, -0.2, 0.1], [1, 3]);
  logits.requiresGrad = true;
  const { classification, variance } = edlTerms(dirichlet(logits, 'relu'), tensor(BigInt64Array.of(0n), [1]), lossConfig(), 1);
  expect(classification.requiresGrad).toBe(true);
  expect(variance?.requiresGrad).toBe(false);
});

describe('gradients agree with finite differences', () => {
  const alone: Partial<EdlConfig> = {};
  const kl = { withKl: true };
  const avu = { withAvu: true };
  const disentangled = { withAvu: true, disentangle: true };
  const variants = {
    mse: [alone, kl],
    log: [alone, kl, avu, disentangled],
    digamma: [alone, kl, avu, disentangled],
    cross_entropy: [alone],
  };
  const combinations = cases.flatMap(([edlType, evidence]) =>
    variants[edlType].map((changes) => [edlType, evidence, Object.keys(changes).join(', '), changes] as const),
  );
  it.each(combinations)('%s on %s %s', (edlType, evidence, _, changes) => {
    scope(() => {
      const config = lossConfig({ edlType, evidence, ...changes });
      const lossOf = (x: Tensor) => classificationLoss(x, { labels }, config, { epoch: 4, epochs: 50 }).loss;
      const { shape } = inputs.wide as Tensor;
      const point = toArray(inputs.wide as Tensor);
      const slopes = gradientAt(tensor(Float64Array.from(point), shape), lossOf);
      expectClose(slopes, centralDifferences(point, shape, lossOf), { absolute: 1e-8 });
    });
  });
});

it("of given Dirichlet parameters: error and variance are the original's", () => {
  const { alpha, labels, err, var: variance } = readSafetensors(fixture('kl.safetensors')).tensors as Record<string, Tensor>;
  // With relu, evidence alpha - 1 is its own logit.
  const logits = ops.sub(alpha as Tensor, 1);
  const config = { edlType: 'mse', withKl: false, withAvu: false, disentangle: false } as const;
  const terms = edlTerms(dirichlet(logits, 'relu'), labels as Tensor, config, 0);
  expectClose(toArray(terms.classification), toArray(err as Tensor), { absolute: 1e-5 });
  expectClose(toArray(terms.variance as Tensor), toArray(variance as Tensor), { absolute: 1e-5 });
});
