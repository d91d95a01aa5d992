/** Larger buffers are not kept for the next picture: one huge photo would hold its memory until the process ends. */
const KEPT_BYTES = 64 * 2 ** 20;

/** Working memory by name that a detector uses again for its next picture: allocating and clearing it anew costs more than filling it. */
export interface Scratch {
  /** At least `bytes` of memory with anything in it, valid until the same name is asked for again. */
  take(name: string, bytes: number): ArrayBuffer;
}

export function createScratch(): Scratch {
  const kept = new Map<string, ArrayBuffer>();
  return {
    take(name, bytes) {
      const found = kept.get(name);
      if (found !== undefined && found.byteLength >= bytes) return found;
      const fresh = new ArrayBuffer(bytes);
      if (bytes <= KEPT_BYTES) kept.set(name, fresh);
      return fresh;
    },
  };
}
