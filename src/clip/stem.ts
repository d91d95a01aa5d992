/**
 * Convolutional stems in place of `conv1` (Xiao et al. 2021, Early convolutions help transformers see better): convolutions with batch
 * normalisation, one after the other, then 1 x 1 to the tower's width. What a stem is follows from the shapes of its tensors.
 */
import { autocast, batchNormTogether, ops, type ProcessGroup, scope, type Tensor } from '../engine/index.js';
import type { Stem } from './architecture.js';
import { type Weights, weight } from './block.js';
import type { Tap } from './taps.js';

/** One convolution of a stem, `stem.convN` with `stem.bnN`, N from 1. */
export interface StemConvolution {
  inputs: number;
  outputs: number;
  /** Side of the square kernel. */
  side: 1 | 2 | 3;
  stride: 1 | 2;
  /** A kernel for each channel alone. */
  depthwise: boolean;
  /** To its normalised result what its layer takes is added, before the activation. */
  adds: boolean;
  /** Place of the layer that it belongs to, from 1: a separable layer is two convolutions, and so is a residual block. */
  layer: number;
}

/** A picture's red, green and blue. */
const PICTURE_CHANNELS = 3;

/**
 * The convolutions of a stem, in order.
 *
 * `plain`: 3 x 3, and all but the first halve the picture. `separable` (Howard et al. 2017, MobileNets): a 3 x 3 convolution that halves,
 * then layers of a depthwise 3 x 3 and a 1 x 1 convolution; as in that net, a layer halves where it widens, but the first of them doesn't.
 * `residual` (He et al. 2016, their basic blocks): a 3 x 3 convolution, then layers that change the width, by 2 x 2 convolutions that halve the
 * picture, and layers that keep it: two 3 x 3 convolutions, around which the layer's input goes.
 */
export function stemConvolutions({ kind, channels }: Stem): StemConvolution[] {
  return channels.flatMap((outputs, i): StemConvolution[] => {
    const inputs = channels[i - 1] ?? PICTURE_CHANNELS;
    const layer = i + 1;
    const dense = { inputs, outputs, depthwise: false, adds: false, layer };
    if (kind === 'plain') return [{ ...dense, side: 3, stride: i === 0 ? 1 : 2 }];
    if (i === 0) return [{ ...dense, side: 3, stride: kind === 'separable' ? 2 : 1 }];
    if (kind === 'residual') return residualLayer(dense);
    const stride = i > 1 && outputs > inputs ? 2 : 1;
    return [
      { ...dense, outputs: inputs, side: 3, stride, depthwise: true },
      { ...dense, side: 1, stride: 1 },
    ];
  });
}

function residualLayer(dense: Omit<StemConvolution, 'side' | 'stride'>): StemConvolution[] {
  if (dense.inputs !== dense.outputs) return [{ ...dense, side: 2, stride: 2 }];
  return [
    { ...dense, side: 3, stride: 1 },
    { ...dense, side: 3, stride: 1, adds: true },
  ];
}

/** Pixels of the picture that a position of the stem's result stands for, along each side. */
export function stemStride(stem: Stem): number {
  return stemConvolutions(stem).reduce((product, { stride }) => product * stride, 1);
}

/** Rows and columns of zeros before and after a convolution's input: MobileNet's are TensorFlow's "same", which are uneven at stride 2. */
export function stemPadding({ kind }: Stem, { side, stride }: StemConvolution): { before: number; after: number } {
  if (side !== 3) return { before: 0, after: 0 };
  return { before: kind === 'separable' && stride === 2 ? 0 : 1, after: 1 };
}

/** The bound of ReLU6, which MobileNet's convolutions have. */
export const RELU6 = 6;

interface Together {
  group: ProcessGroup;
  counts: boolean;
}

export interface StemOptions {
  /** Batch normalisation uses the batch's statistics and updates the running ones. */
  training?: boolean;
  /** Layers from the picture on whose batch normalisation keeps its running statistics, also in training. */
  frozen?: number;
  /** The processes whose batches are parts of one, with whose statistics it is normalised in training; and whether these pictures count. */
  together?: Together | undefined;
  /** Told of each layer, `stem.1` and on, after its activation. */
  tap?: Tap | undefined;
}

/** Images (B, 3, S, S) to (B, W, G, G), G the side over `stemStride`. */
export function runStem(
  weights: Weights,
  stem: Stem,
  images: Tensor,
  { training = false, frozen = 0, together, tap }: StemOptions,
): Tensor {
  let x = ops.contiguous(images, 'channels_last'); // convolutions on the processor are fastest in this layout
  const convolutions = stemConvolutions(stem);
  let taken = x; // by the layer
  for (const [i, { layer, adds }] of convolutions.entries()) {
    if (convolutions[i - 1]?.layer !== layer) taken = x;
    const normalisation = { training: training && layer > frozen, together, added: adds ? taken : null };
    x = scope(() => normalizeStem(weights, stem, i, convolveStem(weights, stem, i, x), normalisation));
    if (convolutions[i + 1]?.layer !== layer) tap?.(`stem.${layer}`, x);
  }
  return ops.conv2d(x, weight(weights, 'stem.proj.weight'), null, 1);
}

/** Convolution `index` (from 0) of a stem alone. */
export function convolveStem(weights: Weights, stem: Stem, index: number, x: Tensor): Tensor {
  const convolution = stemConvolutions(stem)[index] as StemConvolution;
  const { stride, depthwise, inputs } = convolution;
  const { before, after } = stemPadding(stem, convolution);
  const padded = before === after ? x : ops.zeroPad(x, [before, after, before, after]);
  const kernel = weight(weights, `stem.conv${index + 1}.weight`);
  const convolve = (input: Tensor) =>
    ops.conv2d(input, kernel, null, stride, before === after ? before : 0, depthwise ? inputs : 1);
  if (!depthwise || stride === 1) return convolve(padded);
  // In bf16, oneDNN's gradient of these few takes ten times that in fp32, half of a training step of the whole tower.
  return autocast({ device: x.device, dtype: null }, () => convolve(ops.toDtype(padded, 'float32')));
}

/** What follows convolution `index`: batch normalisation, with the batch's statistics in `training`, `added`, and ReLU or ReLU6. */
export function normalizeStem(
  weights: Weights,
  { kind }: Stem,
  index: number,
  x: Tensor,
  { training = false, together, added = null }: Pick<StemOptions, 'training' | 'together'> & { added?: Tensor | null } = {},
): Tensor {
  const part = (leaf: string) => weight(weights, `stem.bn${index + 1}.${leaf}`);
  const parts = [part('weight'), part('bias'), part('running_mean'), part('running_var')] as const;
  const normed = training && together ? batchNormTogether(x, parts, together) : ops.batchNorm(x, ...parts, { training });
  if (kind === 'separable') return ops.relu6(normed);
  return ops.relu(added ? ops.add(normed, added) : normed);
}
