/**
 * Gradient checkpointing (Chen et al. 2016, "Training Deep Nets with Sublinear Memory Cost"): of each trained block its input alone is kept for backward, and what
 * it made on the way is made again, a block at a time. Loss and gradients are the same bits.
 */
import { backward, noGrad, ops, scope, type Tensor } from '../engine/index.js';
import { throughBlocks, type VisionTower } from './vision.js';

/** Plain data, so that scopes keep its tensors. */
export interface CheckpointedBlocks {
  /** (B, N + 1, W) after the last block: a leaf, at which backward of the loss ends. */
  tokens: Tensor;
  /** What entered the first block. */
  entered: Tensor;
  /** What entered each block, without a graph. */
  inputs: readonly Tensor[];
  /** The first block. */
  from: number;
}

/** Tokens (B, N + 1, W) through the blocks from `from` on. */
export function checkpointedBlocks(tower: VisionTower, entered: Tensor, from: number): CheckpointedBlocks {
  const { layers } = tower.architecture;
  return scope(() => {
    const inputs: Tensor[] = [];
    let tokens = ops.detach(entered);
    for (let i = from; i < layers; i++) {
      inputs.push(tokens);
      const input = tokens;
      tokens = noGrad(() => throughBlocks(tower, input, { from: i, to: i + 1 }));
    }
    tokens.requiresGrad = true;
    return { tokens, entered, inputs, from };
  });
}

/**
 * What is left of backward once `tokens` has its gradient: those of the blocks, and of what the tokens that entered them depend on.
 *
 * @param inForward what a block's forward is run in: the autocast of the first time
 */
export function checkpointedBackward(
  tower: VisionTower,
  { tokens, entered, inputs, from }: CheckpointedBlocks,
  inForward: <T>(block: () => T) => T,
): void {
  scope(() => {
    let gradient = tokens.grad as Tensor;
    for (const [i, input] of [...inputs.entries()].reverse()) {
      input.requiresGrad = i > 0 || entered.requiresGrad;
      const arriving = gradient;
      gradient = scope(() => {
        const block = from + i;
        backward(
          inForward(() => throughBlocks(tower, input, { from: block, to: block + 1 })),
          arriving,
        );
        return input.grad ?? arriving;
      });
    }
    if (entered.requiresGrad) backward(entered, gradient);
  });
}
