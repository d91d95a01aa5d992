import { ops, scope, type Tensor } from '../engine/index.js';
import type { Tap } from './taps.js';

/** Tensors by the names of OpenAI's checkpoints (within one tower, without its prefix). */
export type Weights = Readonly<Record<string, Tensor>>;

/** The tensor of this name; the checkpoint reader has made sure that it is there. */
export function weight(weights: Weights, name: string): Tensor {
  const found = weights[name];
  if (!found) throw new RangeError(`the tower has no tensor "${name}"`);
  return found;
}

interface BlockOptions {
  heads: number;
  /** Each token sees itself and the tokens before it (text). */
  causal: boolean;
  /** Told of each block, `block.1` and on. */
  tap?: Tap | undefined;
}

/**
 * The residual blocks `from` to `to` (exclusive) of a CLIP tower: x + attention(ln_1(x)), then x + mlp(ln_2(x)) (Radford et al.
 * 2021). Only what autograd saved outlives each block.
 */
export function runBlocks(weights: Weights, x: Tensor, from: number, to: number, options: BlockOptions): Tensor {
  let hidden = x;
  for (let i = from; i < to; i++) {
    const next = scope(() => residualBlock(weights, `transformer.resblocks.${i}`, hidden, options));
    if (i > from) hidden.dispose();
    hidden = next;
    options.tap?.(`block.${i + 1}`, hidden);
  }
  return hidden;
}

/** Each half in a scope of its own: without autograd, what the attention made is gone before the mlp makes its four widths. */
function residualBlock(weights: Weights, name: string, x: Tensor, options: BlockOptions): Tensor {
  const attended = scope(() => {
    return ops.add(x, attention(weights, `${name}.attn`, norm(weights, `${name}.ln_1`, x), options)); // (B, L, W)
  });
  return scope(() => ops.add(attended, mlp(weights, `${name}.mlp`, norm(weights, `${name}.ln_2`, attended))));
}

/**
 * What block `i` makes of the class token, the first of x (B, L, W), without masks: (B, 1, W). Of the other tokens it takes keys and values alone, a sixth
 * of the block's products.
 */
export function runBlockForCls(weights: Weights, x: Tensor, i: number, heads: number): Tensor {
  return scope(() => {
    const name = `transformer.resblocks.${i}`;
    const width = x.shape[2] as number;
    const projection = (from: number, to: number, tokens: Tensor) => {
      const rows = (kind: string) => ops.slice(weight(weights, `${name}.attn.in_proj_${kind}`), 0, from, to);
      return ops.linear(tokens, rows('weight'), rows('bias'));
    };
    const normed = norm(weights, `${name}.ln_1`, x);
    const q = projection(0, width, first(normed)); // (B, 1, W)
    const [k, v] = ops.split(projection(width, 3 * width, normed), width, 2) as [Tensor, Tensor]; // (B, L, W)
    const attended = ops.add(first(x), attend(weights, `${name}.attn`, [q, k, v], { heads, causal: false }));
    return ops.add(attended, mlp(weights, `${name}.mlp`, norm(weights, `${name}.ln_2`, attended)));
  });
}

/** (B, L, W) to (B, 1, W). */
const first = (x: Tensor) => ops.slice(x, 1, 0, 1);

/** Layer normalisation over the last dimension with the gain and bias of this name. */
export function norm(weights: Weights, name: string, x: Tensor): Tensor {
  return ops.layerNorm(x, weight(weights, `${name}.weight`), weight(weights, `${name}.bias`));
}

function attention(weights: Weights, name: string, x: Tensor, options: BlockOptions): Tensor {
  const qkv = ops.linear(x, weight(weights, `${name}.in_proj_weight`), weight(weights, `${name}.in_proj_bias`)); // (B, L, 3W)
  return attend(weights, name, ops.split(qkv, x.shape[2] as number, 2), options);
}

/** Queries (B, Q, W), keys and values (B, L, W) to (B, Q, W). */
function attend(weights: Weights, name: string, qkv: readonly Tensor[], { heads, causal }: BlockOptions): Tensor {
  const [q, k, v] = qkv.map((part) => splitHeads(part, heads)) as [Tensor, Tensor, Tensor]; // (B, H, Q or L, W/H)
  const attended = ops.transpose(ops.scaledDotProductAttention(q, k, v, { causal }), 1, 2); // (B, Q, H, W/H)
  const joined = ops.reshape(attended, (qkv[0] as Tensor).shape);
  return ops.linear(joined, weight(weights, `${name}.out_proj.weight`), weight(weights, `${name}.out_proj.bias`));
}

/** (B, L, W) to (B, H, L, W/H). */
function splitHeads(x: Tensor, heads: number): Tensor {
  const [batch, length, width] = x.shape as [number, number, number];
  return ops.transpose(ops.reshape(x, [batch, length, heads, width / heads]), 1, 2);
}

function mlp(weights: Weights, name: string, x: Tensor): Tensor {
  const hidden = ops.linear(x, weight(weights, `${name}.c_fc.weight`), weight(weights, `${name}.c_fc.bias`)); // (B, L, 4W)
  return ops.quickGeluLinear(hidden, weight(weights, `${name}.c_proj.weight`), weight(weights, `${name}.c_proj.bias`));
}
