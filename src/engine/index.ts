/**
 * `uafer/engine`: libtorch for TypeScript. Needs libtorch and the addon (`uafer engine install`).
 *
 * @packageDocumentation
 *
 * @example
 * import { backward, noGrad, ops, scope, type Tensor, tensor } from 'uafer/engine';
 *
 * const weight = tensor([0, 0], [1, 2]);
 * weight.requiresGrad = true;
 * const [x, y] = [tensor([1, 2, 3, 4], [2, 2]), tensor([3, 7], [2, 1])];
 * for (let step = 0; step < 100; step++) {
 *   // What the block makes is freed at its end, but for what it returns.
 *   const loss = scope(() => {
 *     const error = ops.sub(ops.linear(x, weight), y);
 *     const squared = ops.mean(ops.mul(error, error));
 *     backward(squared);
 *     noGrad(() => ops.add_(weight, weight.grad as Tensor, -0.05)); // weight - 0.05 gradient
 *     weight.grad = null;
 *     return squared.item();
 *   });
 *   if (step % 20 === 0) console.log(loss);
 * }
 */
export { autocast, backward, grad, inferenceMode, noGrad } from './autograd.js';
export { batchNormTogether } from './batchNormTogether.js';
export {
  type Backend,
  backends,
  createGradientReducer,
  type GradientReducer,
  type GroupOptions,
  openGroup,
  openStore,
  type ProcessGroup,
  type Store,
  type StoreOptions,
  TROUBLE,
} from './distributed.js';
export { operator as unsafeOperator } from './operator.js';
export * as ops from './ops.js';
export * from './runtime.js';
export { readSafetensors, writeSafetensors } from './safetensors.js';
export { scope } from './scope.js';
export { isTensor, tensor, toArray } from './tensor.js';
export { writeTorchSave } from './torchSaveWriter.js';
export type { DType, Tensor, TensorOptions, TypedArray } from './types.js';
export { readWeights } from './weights.js';
