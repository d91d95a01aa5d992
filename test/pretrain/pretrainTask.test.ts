import { describe, expect, it } from 'vitest';
import { resolveConfig } from '#uafer/config/resolve.js';
import type { TrainConfig } from '#uafer/config/schema.js';
import type { Batch, Dataset } from '#uafer/data/types.js';
import { backward, scope, type Tensor, toArray } from '#uafer/engine/index.js';
import { createPretrainTask } from '#uafer/pretrain/pretrainTask.js';
import { createRandom, STREAMS, symmetricBeta } from '#uafer/random.js';
import { SMALL_PRETRAINING } from '../support/smallPretraining.js';

const CLASSES = ['neutral', 'happy'];
const PRETRAIN = {
  ...SMALL_PRETRAINING.pretrain,
  stem: [4, 6, 8],
  stemKind: 'separable' as const,
  templates: ['{class}'],
};
const MOMENT = { epoch: 1, epochs: 4, step: 3, steps: 10 };

type Changes = { pretrain?: object; optimizer?: object; data?: object };

function configWith({ pretrain, optimizer, data }: Changes = {}): TrainConfig {
  const config = resolveConfig({ recipe: 'small-clip', options: { dataPath: '.', device: 'cpu', precision: 'fp32' } });
  return {
    ...config,
    pretrain: { ...PRETRAIN, ...pretrain },
    model: { ...config.model, topk: 4 },
    optimizer: { ...config.optimizer, ...optimizer },
    data: { ...config.data, ...data },
  };
}

/** Three neutral pictures and a happy one, by three annotators in four. */
const dataset: Dataset = {
  name: 'ferplus',
  root: '.',
  classes: CLASSES,
  train: [0, 0, 0, 1].map((label, i) => ({ file: `${i}`, path: `${i}`, label, votes: label === 0 ? [1, 0] : [0.25, 0.75] })),
  test: [],
};

function batchOf(count: number): Batch {
  const random = createRandom({ seed: 1, epoch: 0, stream: 0, position: 0 });
  const images = Float32Array.from({ length: count * 3 * 16 * 16 }, () => random.uniform(-1, 1));
  const labels = BigInt64Array.from({ length: count }, (_, i) => BigInt(i % 2));
  const votes = Float32Array.from({ length: 2 * count }, (_, i) => [0.8, 0.2, 0.1, 0.9][i % 4] as number);
  return { images, shape: [count, 3, 16, 16], labels, votes, indices: Int32Array.from({ length: count }, (_, i) => i) };
}

const batch = batchOf(4);
const taskOf = (changes: Changes = {}) => createPretrainTask(configWith(changes), dataset);
const lossOf = (changes: Changes, given = batch, moment = MOMENT) =>
  scope(() => taskOf(changes).loss(given, moment).loss.item());

describe('pre-training behind a separable stem', () => {
  it('gives gradients to all that is trained, and keeps what is frozen', () => {
    const task = taskOf({ optimizer: { fixStem: 2 } });
    const trained = new Set(task.groups.flatMap(({ names }) => names));
    const names = Object.keys(task.state).filter((name) => !/running/.test(name));
    const frozen = names.filter((name) => !trained.has(name));
    expect(frozen.map((name) => name.split('.').slice(1, 3).join('.'))).toEqual(
      ['conv1', 'bn1', 'bn1', 'conv2', 'bn2', 'bn2', 'conv3', 'bn3', 'bn3'].map((part) => `stem.${part}`),
    );
    for (const name of trained) (task.state[name] as Tensor).requiresGrad = true;
    const running = (layer: number) => toArray(task.state[`visual.stem.bn${layer}.running_mean`] as Tensor);
    const [first, last] = [running(1), running(5)];
    scope(() => backward(task.loss(batch, MOMENT).loss));
    for (const name of trained) {
      const gradient = (task.state[name] as Tensor).grad;
      expect(gradient && toArray(gradient).some((value) => value !== 0), name).toBe(true);
    }
    expect(running(1)).toEqual(first);
    expect(running(5)).not.toEqual(last);
  });

  it('has rates by depth in the vision tower alone', () => {
    const { groups } = taskOf({ optimizer: { layerDecay: 0.5, stemRate: 3, stemDecay: 0.1 } });
    const rate = (name: string) => groups.find(({ names }) => names.includes(name))?.lrScale;
    expect(rate('visual.proj')).toBe(1);
    expect(rate('visual.transformer.resblocks.0.ln_1.weight')).toBe(0.5);
    expect(rate('visual.stem.proj.weight')).toBe(0.25);
    expect(rate('visual.stem.conv5.weight')).toBeCloseTo(0.25 * 3, 12);
    expect(rate('visual.stem.bn2.bias')).toBeCloseTo(0.25 * 3 * 0.1, 12);
    expect(rate('visual.stem.conv1.weight')).toBeCloseTo(0.25 * 3 * 0.01, 12);
    expect(rate('token_embedding.weight')).toBe(1);
  });

  it('holds each parameter in one group', () => {
    const task = taskOf();
    const names = task.groups.flatMap((group) => group.names);
    expect([...names].sort()).toEqual(
      Object.keys(task.state)
        .filter((name) => !/running/.test(name))
        .sort(),
    );
  });

  it('wants pictures that the stem divides', () => {
    expect(() => taskOf({ pretrain: { imageSize: 18 } })).toThrow(/pretrain\.imageSize: expected a multiple of 4.*got 18/);
  });

  it('wants a residual stem that makes a picture smaller', () => {
    expect(() => taskOf({ pretrain: { stemKind: 'residual', stem: [4, 4, 4] } })).toThrow(
      /pretrain\.stem: .*its widths are the same/,
    );
  });
});

describe('mixup', () => {
  it('is the loss of mixed pictures and votes, by a share that the moment decides', () => {
    const mixup = 0.4;
    const { seed } = configWith();
    const share = symmetricBeta(
      mixup,
      createRandom({ seed, epoch: MOMENT.epoch, stream: STREAMS.mixup, position: MOMENT.step }),
    );
    const last = batch.labels.length - 1;
    const mix = (values: Float32Array) => {
      const size = values.length / batch.labels.length;
      const other = (i: number) => values[(last - Math.floor(i / size)) * size + (i % size)] as number;
      return values.map((value, i) => share * value + (1 - share) * other(i));
    };
    const mixed: Batch = { ...batch, images: mix(batch.images), votes: mix(batch.votes as Float32Array) };
    expect(lossOf({ pretrain: { mixup } })).toBeCloseTo(lossOf({}, mixed), 5);
    expect(lossOf({ pretrain: { mixup } }, batch, { ...MOMENT, step: 4 })).not.toBeCloseTo(lossOf({ pretrain: { mixup } }), 5);
  });

  it('changes nothing at 0', () => {
    expect(lossOf({ pretrain: { mixup: 0 } })).toBe(lossOf({}));
  });
});

describe('logit adjustment', () => {
  // The shares of the votes: (3 + 0.25) / 4 neutral; drawn by inverse frequency, the happy picture counts as much as the other three.
  it.each([
    ['as they are', {}, [3.25 / 4, 0.75 / 4]],
    ['as the sampler draws them', { samplerPower: 1 }, [(1 + 0.25) / 2, 0.75 / 2]],
  ])('adds the power times the logarithm of the frequencies, %s', (_, data, shares) => {
    const power = 0.5;
    // The loss from the logits that the same network answers: its normalisation is frozen, so that both see the same.
    const settings = { data: { samplerPower: undefined, ...data }, optimizer: { fixLayer: 0 } };
    const { logits } = scope(() => taskOf(settings).predict(batch));
    const added = shares.map((share) => power * Math.log(share));
    const loss = lossOf({ ...settings, pretrain: { localWeight: 0, logitAdjustment: power } });
    expect(loss).toBeCloseTo(meanCrossEntropy(logits, batch.votes as Float32Array, added), 5);
    expect(lossOf({ ...settings, pretrain: { localWeight: 0 } })).not.toBeCloseTo(loss, 5);
  });
});

/** Mean of -sum_c vote_c log softmax(logits + added)_c over rows of two classes. */
function meanCrossEntropy(logits: Float32Array, votes: Float32Array, added: readonly number[]): number {
  let total = 0;
  const rows = logits.length / 2;
  for (let row = 0; row < rows; row++) {
    const moved = added.map((value, c) => value + (logits[2 * row + c] as number));
    const normaliser = Math.log(moved.reduce((sum, value) => sum + Math.exp(value), 0));
    for (const [c, value] of moved.entries()) total -= (votes[2 * row + c] as number) * (value - normaliser);
  }
  return total / rows;
}
