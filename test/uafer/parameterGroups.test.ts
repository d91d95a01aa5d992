import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { parameterGroups } from '#uafer/uafer/parameterGroups.js';

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
