/** How elements lie in memory, by a tensor's shape and strides. Strides of dimensions of length 1 say nothing. */
type Numbers = readonly number[];

/** Whether the elements lie one after the other in row-major order, as `contiguous` makes them. */
export function isContiguous(shape: Numbers, strides: Numbers): boolean {
  return fillsMemory(shape, strides, [...shape.keys()].reverse());
}

/** Whether the elements lie one after the other in any order of the dimensions: each has a place of its own, and none is left free. */
export function isDense(shape: Numbers, strides: Numbers): boolean {
  const byStride = [...shape.keys()].sort((a, b) => (strides[a] as number) - (strides[b] as number));
  return fillsMemory(shape, strides, byStride);
}

/** Whether two tensors of one shape lie alike, so that a loop over their memory meets the same elements. */
export function liesAlike(shape: Numbers, strides: Numbers, others: Numbers): boolean {
  return shape.includes(0) || shape.every((length, i) => length === 1 || strides[i] === others[i]);
}

/** @param order the dimensions, the one whose elements are neighbours first */
function fillsMemory(shape: Numbers, strides: Numbers, order: Numbers): boolean {
  if (shape.includes(0)) return true;
  let expected = 1;
  for (const i of order) {
    if (shape[i] !== 1 && strides[i] !== expected) return false;
    expected *= shape[i] as number;
  }
  return true;
}
