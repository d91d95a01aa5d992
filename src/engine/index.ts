export { autocast, backward, grad, inferenceMode, noGrad } from './autograd.js';
export { operator } from './operator.js';
export * as ops from './ops.js';
export * from './runtime.js';
export { readSafetensors, writeSafetensors } from './safetensors.js';
export { scope } from './scope.js';
export {
  type DType,
  isTensor,
  type Tensor,
  type TensorOptions,
  type TypedArray,
  tensor,
  toArray,
} from './tensor.js';
export { writeTorchSave } from './torchSaveWriter.js';
export { readWeights } from './weights.js';
