/** The WebAssembly of `kernels/` and its memory: loops over pixels, which take most of the time between a decoded picture and its tensor. */
import { binary } from './binary.js';

/**
 * Functions of `kernels/`. What they read and write (`source`, `out`, `spans`, `weights`, `pairs`, `sums`, `pixels`) is given as the position
 * of its first byte in the memory.
 */
interface Functions {
  heapBase(): number;
  areaMeans(
    source: number,
    length: number,
    rows: number,
    toRows: number,
    columns: number,
    toWidth: number,
    sums: number,
    out: number,
  ): void;
  normalize(
    pixels: number,
    count: number,
    out: number,
    plane: number,
    redMean: number,
    greenMean: number,
    blueMean: number,
    redDeviation: number,
    greenDeviation: number,
    blueDeviation: number,
  ): void;
  resizeRows(
    source: number,
    sourceStride: number,
    rows: number,
    out: number,
    outStride: number,
    to: number,
    spans: number,
    weights: number,
    pairs: number,
  ): void;
  resizeColumns(
    source: number,
    sourceStride: number,
    length: number,
    out: number,
    to: number,
    spans: number,
    weights: number,
    pairs: number,
  ): void;
  warp(
    source: number,
    stride: number,
    width: number,
    height: number,
    out: number,
    toWidth: number,
    toHeight: number,
    x0: number,
    x1: number,
    x2: number,
    y0: number,
    y1: number,
    y2: number,
  ): void;
}

export interface Kernels<Blocks extends readonly number[]> extends Functions {
  /** The whole memory that the kernels work in. */
  bytes: Uint8Array;
  /** The position of each block that was asked for, in the order of the request. */
  places: { [Block in keyof Blocks]: number };
}

const PAGE = 65536;
/** Bytes of a SIMD vector. Kernels work on whole vectors, so each block is followed by room for one. */
const VECTOR = 16;
/** WebAssembly's memory grows and never shrinks. One of more bytes than this, which only huge pictures need, is used once and collected. */
const KEPT_BYTES = 1 << 24;

const compiled = new WebAssembly.Module(Uint8Array.from(atob(binary), (letter) => letter.charCodeAt(0)));
let kept: { functions: Functions; memory: WebAssembly.Memory } | undefined;

/**
 * The kernels, with a block of memory for each size in `blocks`, in bytes. What a block holds at first is undefined; at the next call of
 * `kernels` it is lost.
 */
export function kernels<Blocks extends readonly number[]>(...blocks: Blocks): Kernels<Blocks> {
  const { functions, memory } = kept ?? instantiate();
  kept = undefined;
  let end = functions.heapBase();
  const places = blocks.map((size) => {
    const place = Math.ceil(end / VECTOR) * VECTOR;
    end = place + size + VECTOR;
    return place;
  }) as Kernels<Blocks>['places'];
  const missing = Math.ceil((end - memory.buffer.byteLength) / PAGE);
  if (missing > 0) memory.grow(missing);
  if (memory.buffer.byteLength <= KEPT_BYTES) kept = { functions, memory };
  return { ...functions, bytes: new Uint8Array(memory.buffer), places };
}

function instantiate() {
  const memory = new WebAssembly.Memory({ initial: 1 });
  const { exports } = new WebAssembly.Instance(compiled, { env: { memory } });
  return { functions: exports as unknown as Functions, memory };
}
