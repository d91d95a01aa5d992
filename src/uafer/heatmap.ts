/** Which patches speak for which class: the affinities whose largest MFD takes the mean of. */
import { patchAffinities } from '../clip/affinity.js';
import { embed, throughBlocks } from '../clip/vision.js';
import { autocast, scope, type Tensor } from '../engine/index.js';
import { type UaFer, unitFeatures } from './model.js';

/**
 * Affinities (B, N, C) of the patches of images (B, 3, S, S) to the class texts (C, D). The mean of the `topk` largest of a class is its local
 * score before it is normalised (`mfd.ts`). In fp32 under autocast too, as there.
 */
export function localAffinities(model: UaFer, images: Tensor, text: Tensor): Tensor {
  return scope(() => {
    const { patches } = unitFeatures(model, throughBlocks(model.tower, embed(model.tower, images)));
    return autocast({ device: patches.device, dtype: null }, () => patchAffinities(patches, text));
  });
}
