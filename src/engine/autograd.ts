import { native } from './native.js';
import type { DType, Tensor } from './types.js';

/** Adds d`loss`/d`leaf` to the gradient of every leaf that requires one. `loss` holds one element unless `gradient` is given. */
export function backward(loss: Tensor, gradient: Tensor | null = null, options: { retainGraph?: boolean } = {}): void {
  native().backward([loss], [gradient], options.retainGraph ?? false);
}

/** Gradients of the sum of `outputs` with respect to `inputs`; null for an input that the outputs don't depend on. */
export function grad(
  outputs: readonly Tensor[],
  inputs: readonly Tensor[],
  options: { retainGraph?: boolean; createGraph?: boolean } = {},
): (Tensor | null)[] {
  const createGraph = options.createGraph ?? false;
  return native().grad(outputs, inputs, options.retainGraph ?? createGraph, createGraph);
}

/** Runs `block` without recording for autograd. */
export function noGrad<T>(block: () => T): T {
  const before = native().setGradEnabled(false);
  try {
    return block();
  } finally {
    native().setGradEnabled(before);
  }
}

/** As `noGrad`, and faster: tensors made inside can never take part in autograd. */
export function inferenceMode<T>(block: () => T): T {
  native().enterInferenceMode();
  try {
    return block();
  } finally {
    native().leaveInferenceMode();
  }
}

/**
 * Runs `block` with matrix products and convolutions in `dtype`; weights are cast once per outermost block. With `dtype` null, inside
 * of another such block, every operator computes in the type of its operands again.
 */
export function autocast<T>(options: { device: string; dtype: DType | null }, block: () => T): T {
  native().enterAutocast(options.device, options.dtype);
  try {
    return block();
  } finally {
    native().leaveAutocast();
  }
}
