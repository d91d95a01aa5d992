/**
 * Random numbers by counting (Philox4x32-10; Salmon, Moraes, Dror and Shaw 2011, "Parallel random numbers: as easy as 1, 2, 3").
 * The numbers are a function of their key and counter alone, so that each picture of each epoch has its own, whatever thread makes
 * them and wherever a run was resumed.
 */

const ROUNDS = 10;
const MULTIPLIER_0 = 0xd2511f53;
const MULTIPLIER_1 = 0xcd9e8d57;
const WEYL_0 = 0x9e3779b9;
const WEYL_1 = 0xbb67ae85;
const TO_UNIT = 2 ** -32;

/** What the numbers are for; streams of the same key and position are independent. */
export const STREAMS = { transform: 0, order: 1, bootstrap: 2, conformal: 3, mixup: 4, corruption: 5 } as const;

export interface RandomKey {
  /** 32 bits are used. */
  seed: number;
  epoch: number;
  stream: number;
  /** Position in the epoch's order. */
  position: number;
}

export interface Random {
  /** Uniform in [0, 1), with 32 bits. */
  next(): number;
  /** Uniform in [low, high). */
  uniform(low: number, high: number): number;
  /** Whole number, uniform in [0, count), for counts far below 2^32. */
  integer(count: number): number;
}

export function createRandom({ seed, epoch, stream, position }: RandomKey): Random {
  const block = new Uint32Array(4);
  let used = 4;
  let counter = 0;
  const next = (): number => {
    if (used === 4) {
      block[0] = counter++;
      block[1] = position;
      block[2] = stream;
      block[3] = 0;
      philox(block, seed >>> 0, epoch >>> 0);
      used = 0;
    }
    return (block[used++] as number) * TO_UNIT;
  };
  return {
    next,
    uniform: (low, high) => low + (high - low) * next(),
    integer: (count) => Math.floor(next() * count),
  };
}

/** A number of Beta(a, a) with 0 < a <= 1 (Johnk 1964): u^(1/a) over u^(1/a) + v^(1/a), where that sum is at most 1. */
export function symmetricBeta(a: number, random: Random): number {
  for (;;) {
    const [u, v] = [random.next() ** (1 / a), random.next() ** (1 / a)];
    const sum = u + v;
    if (sum > 0 && sum <= 1) return u / sum;
  }
}

/** Replaces the counter `block` (4 words of 32 bits) by its random words for the key (`key0`, `key1`). */
export function philox(block: Uint32Array, key0: number, key1: number): void {
  let [c0 = 0, c1 = 0, c2 = 0, c3 = 0] = block;
  let k0 = key0;
  let k1 = key1;
  for (let round = 0; round < ROUNDS; round++) {
    const high0 = multiplyHigh(MULTIPLIER_0, c0);
    const low0 = Math.imul(MULTIPLIER_0, c0);
    const high1 = multiplyHigh(MULTIPLIER_1, c2);
    const low1 = Math.imul(MULTIPLIER_1, c2);
    c0 = high1 ^ c1 ^ k0;
    c1 = low1;
    c2 = high0 ^ c3 ^ k1;
    c3 = low0;
    k0 = (k0 + WEYL_0) | 0;
    k1 = (k1 + WEYL_1) | 0;
  }
  block[0] = c0;
  block[1] = c1;
  block[2] = c2;
  block[3] = c3;
}

/** Upper 32 bits of the 64-bit product of two unsigned 32-bit words. */
function multiplyHigh(a: number, b: number): number {
  const a0 = a & 0xffff;
  const a1 = a >>> 16;
  const b0 = b & 0xffff;
  const b1 = b >>> 16;
  const middle = a1 * b0 + ((a0 * b0) >>> 16);
  const cross = a0 * b1 + (middle & 0xffff);
  return (a1 * b1 + Math.floor(middle / 0x10000) + (cross >>> 16)) | 0;
}
