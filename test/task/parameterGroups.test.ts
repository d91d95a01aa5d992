import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { parameterGroups } from '#uafer/task/parameterGroups.js';

interface Parameter {
  name: string;
  shape: number[];
  group: string | null;
  lr_scale: number | null;
  weight_decay: number | null;
  trainable: boolean;
}
interface Case {
  num_layers: number;
  group_order: string[];
  params: Parameter[];
}
const fixture: Record<string, Case> = JSON.parse(
  readFileSync(new URL('../fixtures/param_layers.json', import.meta.url), 'utf8'),
);
const hyperparameters = { layerDecay: 0.65, weightDecay: 5e-4 };

describe.each(Object.entries(fixture))('the groups of the original: %s', (name, { num_layers, group_order, params }) => {
  const fixLayer = Number(/fix(-?\d+)$/.exec(name)?.[1]);
  const shapes = Object.fromEntries(params.map((parameter) => [parameter.name, parameter.shape]));
  const { groups, frozen } = parameterGroups(shapes, { ...hyperparameters, layers: num_layers - 1, fixLayer });

  it('hold the same parameters in the same order', () => {
    const expected = group_order.map((group) =>
      params.filter((parameter) => parameter.group === group).map(({ name }) => name),
    );
    expect(groups.map((group) => group.names)).toEqual(expected);
    expect(frozen).toEqual(params.filter((parameter) => !parameter.trainable).map(({ name }) => name));
  });

  it('have the same rate scale and decay', () => {
    const byName = new Map(params.map((parameter) => [parameter.name, parameter]));
    for (const group of groups) {
      for (const name of group.names) {
        expect(group.lrScale).toBeCloseTo(byName.get(name)?.lr_scale as number, 12);
        expect(group.weightDecay).toBe(byName.get(name)?.weight_decay);
      }
    }
  });
});

it('counts a convolutional stem to the lowest layer, and what it does not know to the highest', () => {
  const shapes = { 'stem.0.weight': [8, 3, 3, 3], 'patch_projection.0.weight': [4, 4], logit_scale: [] };
  expect(parameterGroups(shapes, { ...hyperparameters, layers: 2, fixLayer: 0 })).toEqual({
    frozen: ['stem.0.weight'],
    groups: [
      { names: ['patch_projection.0.weight'], lrScale: 1, weightDecay: 5e-4 },
      { names: ['logit_scale'], lrScale: 1, weightDecay: 0 },
    ],
  });
});

describe('a stem of three layers, of which two are two convolutions', () => {
  const stemLayers = [1, 2, 2, 3, 3];
  const names = [
    'stem.conv1.weight',
    'stem.bn1.bias',
    'stem.conv2.weight',
    'stem.conv3.weight',
    'stem.conv5.weight',
    'stem.bn5.weight',
  ];
  const shapes: Record<string, number[]> = {
    class_embedding: [8],
    ...Object.fromEntries(names.map((name) => [name, name.includes('conv') ? [8, 8, 1, 1] : [8]])),
    'stem.proj.weight': [8, 8, 1, 1],
    'transformer.resblocks.0.ln_1.weight': [8],
  };
  const options = { layerDecay: 0.5, weightDecay: 0.1, layers: 1, fixLayer: -1, stemLayers };
  const rates = (changed: object) => {
    const { groups } = parameterGroups(shapes, { ...options, ...changed });
    return new Map(groups.flatMap(({ names, lrScale, weightDecay }) => names.map((name) => [name, [lrScale, weightDecay]])));
  };

  it('has the rate of the lowest layer where nothing is said', () => {
    const found = rates({});
    for (const name of [...names, 'stem.proj.weight', 'class_embedding']) expect(found.get(name)?.[0], name).toBe(0.25);
    expect(found.get('stem.conv2.weight')?.[1]).toBe(0.1);
    expect(found.get('stem.bn1.bias')?.[1]).toBe(0);
  });

  it('has rates that fall from its last layer to its first, on top of those of the tower', () => {
    const found = rates({ stemRate: 2, stemDecay: 0.5 });
    expect(found.get('stem.conv5.weight')?.[0]).toBe(0.25 * 2);
    expect(found.get('stem.bn5.weight')?.[0]).toBe(0.25 * 2);
    expect(found.get('stem.conv2.weight')?.[0]).toBe(0.25 * 2 * 0.5);
    expect(found.get('stem.conv3.weight')?.[0]).toBe(0.25 * 2 * 0.5);
    expect(found.get('stem.conv1.weight')?.[0]).toBe(0.25 * 2 * 0.25);
    expect(found.get('stem.proj.weight')?.[0]).toBe(0.25);
    expect(found.get('transformer.resblocks.0.ln_1.weight')?.[0]).toBe(0.5);
  });

  it('is frozen from the picture on as far as it is asked for, and as a whole with the lowest layer', () => {
    const frozen = (changed: object) => parameterGroups(shapes, { ...options, ...changed }).frozen;
    expect(frozen({ fixStem: 2 })).toEqual(['stem.conv1.weight', 'stem.bn1.bias', 'stem.conv2.weight', 'stem.conv3.weight']);
    expect(frozen({ fixStem: 3 })).toEqual(names);
    expect(frozen({ fixLayer: 0 })).toEqual(['class_embedding', ...names, 'stem.proj.weight']);
  });

  it('has no more layers to freeze than it has', () => {
    expect(() => rates({ fixStem: 4 })).toThrow(/--fix-stem 4: these weights have a stem of 3 layers/);
    expect(() => rates({ fixStem: 1, stemLayers: [] })).toThrow(/--fix-stem 1: these weights have no convolutional stem/);
  });
});
