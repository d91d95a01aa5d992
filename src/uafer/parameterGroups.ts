import type { OptimizerConfig } from '../config/schema.js';
import type { ParameterGroup } from '../task/task.js';

/** Parameters by how they are trained. */
export interface GroupedParameters {
  /** In the order in which the parameters first name them. */
  groups: ParameterGroup[];
  /** Names of the parameters that keep their values. */
  frozen: string[];
}

/** How parameters are grouped. `layers` is the number of transformer blocks. */
export type GroupOptions = Pick<OptimizerConfig, 'layerDecay' | 'fixLayer' | 'weightDecay'> & { layers: number };

/**
 * Layer-wise decay of the learning rate (Bao et al. 2021, BEiT): with `layers` blocks, a parameter of layer id i has the rate
 * scale `layerDecay ** (layers + 1 - i)`; those with i up to `fixLayer` are frozen. Vectors and scalars have no weight decay.
 *
 * `shapes` holds the parameters (not buffers) of a vision tower by their names without `visual.`, in the tower's order.
 */
export function parameterGroups(shapes: Readonly<Record<string, readonly number[]>>, options: GroupOptions): GroupedParameters {
  const { layers, layerDecay, fixLayer, weightDecay } = options;
  const groups = new Map<string, ParameterGroup>();
  const frozen: string[] = [];
  for (const [name, shape] of Object.entries(shapes)) {
    const id = layerId(name, layers);
    if (id <= fixLayer) {
      frozen.push(name);
      continue;
    }
    const decays = shape.length > 1;
    const key = `${id} ${decays}`;
    const group = groups.get(key) ?? {
      names: [],
      lrScale: layerDecay ** (layers + 1 - id),
      weightDecay: decays ? weightDecay : 0,
    };
    group.names.push(name);
    groups.set(key, group);
  }
  return { groups: [...groups.values()], frozen };
}

const INPUT_LAYER = /^(class_embedding|positional_embedding|conv1\.|ln_pre\.|stem\.)/;

/** 0 for what comes before the blocks, i + 1 for block i, `layers + 1` for what comes after them. */
function layerId(name: string, layers: number): number {
  if (INPUT_LAYER.test(name)) return 0;
  const block = /^transformer\.resblocks\.(\d+)\./.exec(name)?.[1];
  return block === undefined ? layers + 1 : Number(block) + 1;
}
