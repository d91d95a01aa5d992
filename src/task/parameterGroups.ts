import type { OptimizerConfig } from '../config/schema.js';
import { UaferError } from '../errors.js';
import type { ParameterGroup } from './task.js';

/** Parameters by how they are trained. */
export interface GroupedParameters {
  /** In the order in which the parameters first name them. */
  groups: ParameterGroup[];
  /** Names of the parameters that keep their values. */
  frozen: string[];
}

/** How parameters are grouped. */
export type GroupOptions = Pick<OptimizerConfig, 'layerDecay' | 'fixLayer' | 'weightDecay'> &
  Partial<Pick<OptimizerConfig, 'stemRate' | 'stemDecay' | 'fixStem'>> & {
    /** Number of transformer blocks. */
    layers: number;
    /** Of a tower behind a convolutional stem: the layer, from 1, that each of its convolutions belongs to. */
    stemLayers?: readonly number[];
  };

/**
 * Layer-wise decay of the learning rate (Bao et al. 2021, BEiT): with `layers` blocks, a parameter of layer id i has the rate
 * scale `layerDecay ** (layers + 1 - i)`; those with i up to `fixLayer` are frozen. Vectors and scalars have no weight decay.
 *
 * The convolutions of a stem all have id 0. Within it, layer j of n has that rate times `stemRate * stemDecay ** (n - j)`, and those with
 * j up to `fixStem` are frozen; its last, 1 x 1 convolution is none of the layers.
 *
 * `shapes` holds the parameters (not buffers) of a vision tower by their names without `visual.`, in the tower's order. Throws `USAGE`
 * when `fixStem` is more than the stem has.
 */
export function parameterGroups(shapes: Readonly<Record<string, readonly number[]>>, options: GroupOptions): GroupedParameters {
  const { layers, layerDecay, fixLayer, weightDecay, fixStem = 0, stemLayers = [] } = options;
  const stemDepth = stemLayers.at(-1) ?? 0;
  if (fixStem > stemDepth) {
    const has = stemDepth === 0 ? 'have no convolutional stem' : `have a stem of ${stemDepth} layers`;
    throw new UaferError('USAGE', `--fix-stem ${fixStem}: these weights ${has}.`);
  }
  const groups = new Map<string, ParameterGroup>();
  const frozen: string[] = [];
  for (const [name, shape] of Object.entries(shapes)) {
    const id = layerId(name, layers);
    const stemLayer = stemLayerOf(name, stemLayers);
    if (id <= fixLayer || (stemLayer > 0 && stemLayer <= fixStem)) {
      frozen.push(name);
      continue;
    }
    const decays = shape.length > 1;
    const key = `${id} ${stemLayer} ${decays}`;
    const group = groups.get(key) ?? {
      names: [],
      lrScale: layerDecay ** (layers + 1 - id) * (stemLayer > 0 ? stemScale(stemLayer, stemDepth, options) : 1),
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

/** The layer of a stem's convolution or its normalisation, from 1; 0 for all else. */
function stemLayerOf(name: string, stemLayers: readonly number[]): number {
  const convolution = /^stem\.(?:conv|bn)(\d+)\./.exec(name)?.[1];
  return convolution === undefined ? 0 : (stemLayers[Number(convolution) - 1] ?? 0);
}

function stemScale(layer: number, depth: number, { stemRate = 1, stemDecay = 1 }: GroupOptions): number {
  return stemRate * stemDecay ** (depth - layer);
}
