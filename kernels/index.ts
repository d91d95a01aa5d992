export { areaMeans } from './areas';
export { normalize } from './normalize';
export { resizeColumns, resizeRows } from './resize';
export { warp } from './warp';

/** First byte of memory that the caller may use. */
export function heapBase(): usize {
  return __heap_base;
}
