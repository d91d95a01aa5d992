import { native } from './native.js';
import { isTensor } from './tensor.js';
import type { Tensor } from './types.js';

function tensorsIn(value: unknown, found: Tensor[] = []): Tensor[] {
  if (isTensor(value)) found.push(value);
  else if (Array.isArray(value)) for (const item of value) tensorsIn(item, found);
  else if (value !== null && typeof value === 'object' && !ArrayBuffer.isView(value)) {
    for (const item of Object.values(value)) tensorsIn(item, found);
  }
  return found;
}

/**
 * Runs `block` and frees every tensor handle that it made except those in its result (a tensor, or arrays and plain objects of
 * them). What autograd saved lives on until backward. Scopes nest. `block` must be synchronous.
 */
export function scope<T>(block: () => T): T {
  native().beginScope();
  let keep: Tensor[] = [];
  try {
    const result = block();
    if (result instanceof Promise) throw new TypeError('scope() takes a synchronous function');
    keep = tensorsIn(result);
    return result;
  } finally {
    native().endScope(keep);
  }
}
