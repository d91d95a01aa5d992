import { grad, type Tensor, tensor, toArray } from '#uafer/engine/index.js';

const STEP = 1e-5;

/** Gradient of a scalar function at `x`, by autograd. */
export function gradientAt(x: Tensor, f: (x: Tensor) => Tensor): number[] {
  x.requiresGrad = true;
  return toArray(grad([f(x)], [x])[0] as Tensor);
}

/** Gradient of a scalar function in float64 by central differences; `f` must be smooth around `values`. */
export function centralDifferences(values: readonly number[], shape: readonly number[], f: (x: Tensor) => Tensor): number[] {
  const at = (i: number, by: number) => {
    const moved = Float64Array.from(values, (value, k) => (k === i ? value + by : value));
    return f(tensor(moved, shape)).item();
  };
  return values.map((_, i) => (at(i, STEP) - at(i, -STEP)) / (2 * STEP));
}
