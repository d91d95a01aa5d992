import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { ClipArchitecture, Stem } from '#uafer/clip/architecture.js';
import { architectureOf, ShapeError } from '#uafer/clip/derive.js';
import { initializeClip } from '#uafer/clip/initialize.js';
import { clipShapes } from '#uafer/clip/shapes.js';
import { convolveStem, runStem, stemConvolutions, stemStride } from '#uafer/clip/stem.js';
import { backward, manualSeed, noGrad, ops, scope, type Tensor, tensor, toArray } from '#uafer/engine/index.js';
import { expectClose } from '../support/numbers.js';

const WIDTH = 64;
const SEPARABLE: Stem = { kind: 'separable', channels: [4, 6, 8, 8] };
/** Of a residual block after the first convolution, one that halves, and another block: six convolutions. */
const RESIDUAL: Stem = { kind: 'residual', channels: [4, 4, 6, 6] };
/** The layers of MobileNet that leave 7 x 7 positions of 112 x 112 pixels. */
const MOBILENET: Stem = { kind: 'separable', channels: [32, 64, 128, 128, 256, 256, 512, 512, 512, 512, 512, 512] };

const towerWith = (stem: Stem, imageSize = 2 * stemStride(stem)): ClipArchitecture => ({
  vision: { width: WIDTH, layers: 1, heads: 1, patchSize: stemStride(stem), imageSize, stem },
  embedDim: 8,
});

/** The stem's tensors by their names without `visual.`, with a seed's numbers. */
function stemWeights(stem: Stem): Record<string, Tensor> {
  const all = Object.entries(initializeClip(towerWith(stem), 3));
  return Object.fromEntries(all.map(([name, weight]) => [name.replace(/^visual\./, ''), weight] as const));
}

const stems = fc
  .record({
    kind: fc.constantFrom('plain' as const, 'separable' as const, 'residual' as const),
    // With a single channel, a kernel for each channel is a kernel for all of them.
    channels: fc.array(fc.integer({ min: 2, max: 9 }), { minLength: 2, maxLength: 6 }),
  })
  // A residual stem that never halves has no use, and no shape by which to tell it from a plain one.
  .filter(({ kind, channels }) => kind !== 'residual' || new Set(channels).size > 1);

describe('the shapes of a stem', () => {
  it('tell what it is', () => {
    fc.assert(
      fc.property(stems, fc.integer({ min: 1, max: 3 }), (stem, grid) => {
        const architecture = towerWith(stem, grid * stemStride(stem));
        expect(architectureOf(clipShapes(architecture))).toEqual(architecture);
      }),
    );
  });

  it('are those of MobileNet, in the order of its layers', () => {
    const shapes = clipShapes(towerWith(MOBILENET, 112));
    expect(stemStride(MOBILENET)).toBe(16);
    expect(shapes['visual.positional_embedding']).toEqual([1 + 7 * 7, WIDTH]);
    expect(shapes['visual.stem.conv1.weight']).toEqual([32, 3, 3, 3]);
    expect(shapes['visual.stem.conv2.weight']).toEqual([32, 1, 3, 3]);
    expect(shapes['visual.stem.conv3.weight']).toEqual([64, 32, 1, 1]);
    expect(shapes['visual.stem.conv23.weight']).toEqual([512, 512, 1, 1]);
    expect(shapes['visual.stem.conv24.weight']).toBeUndefined();
    const halving = stemConvolutions(MOBILENET).flatMap(({ stride }, i) => (stride === 2 ? [i + 1] : []));
    // The first convolution, and the depthwise ones of the 2nd, 4th and 6th separable layer.
    expect(halving).toEqual([1, 4, 8, 12]);
  });

  it('lack the second convolution of a residual block', () => {
    const { 'visual.stem.conv6.weight': _, ...others } = clipShapes(towerWith(RESIDUAL));
    expect(() => architectureOf(others)).toThrow(/lacks "visual\.stem\.conv6\.weight" of the shape \[6, 6, 3, 3\]/);
  });

  const whole = clipShapes(towerWith(SEPARABLE));

  it.each<[string, readonly number[] | undefined, RegExp]>([
    [
      'visual.stem.conv3.weight',
      [6, 4, 3, 3],
      /has the shape \[6, 4, 3, 3\] in "visual\.stem\.conv3\.weight"; expected \[6, 4, 1, 1\]/,
    ],
    [
      'visual.stem.conv4.weight',
      [6, 6, 3, 3],
      /has the shape \[6, 6, 3, 3\] in "visual\.stem\.conv4\.weight"; expected \[6, 1, 3, 3\]/,
    ],
    [
      'visual.stem.conv6.weight',
      [8, 8, 3],
      /has the shape \[8, 8, 3\] in "visual\.stem\.conv6\.weight"; expected \[channels, inputs, side, side\]/,
    ],
    ['visual.stem.bn4.running_var', undefined, /lacks "visual\.stem\.bn4\.running_var" of the shape \[6\]/],
    ['visual.stem.conv7.weight', undefined, /lacks "visual\.stem\.conv7\.weight" of the shape \[channels, 8, 1, 1\]/],
    ['visual.stem.proj.weight', [WIDTH, 6, 1, 1], /in "visual\.stem\.proj\.weight"; expected \[64, 8, 1, 1\]/],
  ])('name the tensor %s when it is wrong', (name, shape, message) => {
    const { [name]: _, ...others } = whole;
    const changed = shape === undefined ? others : { ...whole, [name]: shape };
    expect(() => architectureOf(changed)).toThrow(ShapeError);
    expect(() => architectureOf(changed)).toThrow(message);
  });
});

describe('a separable stem', () => {
  const images = (count: number) => {
    manualSeed(5);
    return ops.randn([count, 3, 16, 16]);
  };

  it('pads on the right and below where it halves, and all around where it does not', () => {
    const ones = (shape: readonly number[]) => ops.ones(shape);
    const weights = {
      'stem.conv1.weight': ones([1, 1, 3, 3]),
      'stem.conv2.weight': ones([4, 1, 3, 3]),
    };
    // Sums over the kernel count the pixels that are under it: only the last row and column of four have fewer.
    const first = ops.conv2d(ops.zeroPad(ones([1, 1, 4, 4]), [0, 1, 0, 1]), weights['stem.conv1.weight'], null, 2);
    expect(toArray(first)).toEqual([9, 6, 6, 4]);
    const stem: Stem = { kind: 'separable', channels: [4, 4, 8] };
    expect(toArray(ops.select(convolveStem(weights, stem, 1, ones([1, 4, 2, 2])), 1, 0))).toEqual([4, 4, 4, 4]);
    const halving = { 'stem.conv4.weight': ones([4, 1, 3, 3]) };
    expect(toArray(ops.select(convolveStem(halving, stem, 3, ones([1, 4, 4, 4])), 1, 0))).toEqual([9, 6, 6, 4]);
  });

  it('clips at 6', () => {
    const weights = stemWeights(SEPARABLE);
    noGrad(() => ops.copy_(weights['stem.bn7.bias'] as Tensor, tensor(new Float32Array(8).fill(100), [8])));
    const identity = { ...weights, 'stem.proj.weight': tensor(identityKernel(8), [8, 8, 1, 1]) };
    expect(new Set(toArray(runStem(identity, SEPARABLE, images(2), {})))).toEqual(new Set([6]));
  });

  it('gives a picture the same result alone and in a batch', () => {
    const weights = stemWeights(SEPARABLE);
    const batch = images(3);
    const together = runStem(weights, SEPARABLE, batch, {});
    const alone = runStem(weights, SEPARABLE, ops.slice(batch, 0, 1, 2), {});
    expectClose(toArray(alone), toArray(ops.slice(together, 0, 1, 2)), { absolute: 1e-6 });
  });

  it('passes gradients to every tensor, and to none below the frozen layers', () => {
    const weights = stemWeights(SEPARABLE);
    const frozen = (name: string) => /\.(conv|bn)[1-3]\./.test(name);
    const trained = Object.keys(weights).filter(
      (name) => name.startsWith('stem.') && !/running|\.bn[1-3]\.|conv[1-3]\./.test(name),
    );
    for (const name of trained) (weights[name] as Tensor).requiresGrad = true;
    const before = statistics(weights);
    scope(() => backward(ops.sum(ops.pow(runStem(weights, SEPARABLE, images(4), { training: true, frozen: 2 }), 2))));
    expect(trained.length).toBe(4 * 3 + 1);
    for (const name of trained) {
      const gradient = toArray((weights[name] as Tensor).grad as Tensor);
      expect(
        gradient.some((value) => value !== 0),
        name,
      ).toBe(true);
      expect(gradient.every(Number.isFinite), name).toBe(true);
    }
    // The statistics of frozen layers stay, those of the others follow the batch.
    for (const [name, values] of Object.entries(statistics(weights))) {
      if (frozen(name)) expect(values, name).toEqual(before[name]);
      else expect(values, name).not.toEqual(before[name]);
    }
  });

  it('answers in training as ever where all of it is frozen', () => {
    const weights = stemWeights(SEPARABLE);
    const frozen = runStem(weights, SEPARABLE, images(2), { training: true, frozen: SEPARABLE.channels.length });
    expect(toArray(frozen)).toEqual(toArray(runStem(weights, SEPARABLE, images(2), {})));
  });
});

describe('a residual stem', () => {
  it('lets a block that has learned nothing pass what it takes', () => {
    const weights = stemWeights(RESIDUAL);
    for (const bn of [3, 6]) noGrad(() => ops.copy_(weights[`stem.bn${bn}.weight`] as Tensor, ops.zeros([bn === 3 ? 4 : 6])));
    manualSeed(5);
    const images = ops.randn([2, 3, 8, 8]);
    const made = new Map<string, number[]>();
    runStem(weights, RESIDUAL, images, { tap: (layer, x) => made.set(layer, toArray(x)) });
    expect(made.get('stem.2')).toEqual(made.get('stem.1'));
    expect(made.get('stem.4')).toEqual(made.get('stem.3'));
    expect(made.get('stem.3')).toHaveLength(2 * 6 * 4 * 4);
  });

  it('passes gradients to every tensor, and to none below the frozen layers', () => {
    const weights = stemWeights(RESIDUAL);
    const trained = Object.keys(weights).filter((name) => /^stem\.(?!.*running)(proj|conv[4-6]|bn[4-6])/.test(name));
    for (const name of trained) (weights[name] as Tensor).requiresGrad = true;
    const before = statistics(weights);
    manualSeed(5);
    const images = ops.randn([4, 3, 8, 8]);
    scope(() => backward(ops.sum(ops.pow(runStem(weights, RESIDUAL, images, { training: true, frozen: 2 }), 2))));
    expect(trained).toHaveLength(3 * 3 + 1);
    for (const name of trained) {
      const gradient = toArray((weights[name] as Tensor).grad as Tensor);
      expect(gradient.some((value) => value !== 0) && gradient.every(Number.isFinite), name).toBe(true);
    }
    for (const [name, values] of Object.entries(statistics(weights))) {
      if (/bn[1-3]\./.test(name)) expect(values, name).toEqual(before[name]);
      else expect(values, name).not.toEqual(before[name]);
    }
  });
});

function statistics(weights: Record<string, Tensor>): Record<string, number[]> {
  const running = Object.entries(weights).filter(([name]) => /running/.test(name));
  return Object.fromEntries(running.map(([name, values]) => [name, toArray(values)]));
}

function identityKernel(channels: number): Float32Array {
  return Float32Array.from({ length: channels ** 2 }, (_, i) => (i % (channels + 1) === 0 ? 1 : 0));
}
