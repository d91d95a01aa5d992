/** The WebAssembly of `kernels/` and its memory: the loops over pixels that take most of the time of decoding's next steps. */
import { binary } from './binary.js';

/** Functions of `kernels/`; every argument that is a place is a byte's position in `memory`. */
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
  /** All of the kernels' memory. */
  bytes: Uint8Array;
  /** Where each of the blocks begins that were asked for. */
  places: { [Block in keyof Blocks]: number };
}

const PAGE = 65536;
/** A vector's length: kernels read and write up to so many bytes beyond a block. */
const VECTOR = 16;
/** WebAssembly's memory never shrinks. One larger than this, which only huge pictures need, is given up after its use. */
const KEPT_BYTES = 1 << 24;

const compiled = new WebAssembly.Module(Uint8Array.from(atob(binary), (letter) => letter.charCodeAt(0)));
let kept: { functions: Functions; memory: WebAssembly.Memory } | undefined;

/** The kernels with blocks of so many bytes in their memory, which hold anything and are valid until the next call. */
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
