/** Many numbers as text: of single precision, the least significant byte first, in Base64. */
import { UaferError } from '../errors.js';
import type { Rows } from './linearAlgebra.js';

const BYTES = 4;
/** Bytes that become characters at once: a call takes no more arguments than this. */
const AT_ONCE = 8192;

export function encodeNumbers(values: ArrayLike<number>): string {
  const view = new DataView(new ArrayBuffer(BYTES * values.length));
  for (let i = 0; i < values.length; i++) view.setFloat32(BYTES * i, values[i] as number, true);
  const bytes = new Uint8Array(view.buffer);
  let text = '';
  for (let from = 0; from < bytes.length; from += AT_ONCE) text += String.fromCharCode(...bytes.subarray(from, from + AT_ONCE));
  return btoa(text);
}

/** Throws `DATA` for a text that isn't whole. */
export function decodeNumbers(text: string): Float32Array {
  const bytes = Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
  if (bytes.length % BYTES !== 0) throw damaged(`${bytes.length} bytes are no numbers of ${BYTES}`);
  const view = new DataView(bytes.buffer);
  return Float32Array.from({ length: bytes.length / BYTES }, (_, i) => view.getFloat32(BYTES * i, true));
}

/** Rows of equal length as text. */
export interface PackedRows {
  width: number;
  values: string;
}

export function packRows({ values, width }: Rows): PackedRows {
  return { width, values: encodeNumbers(values) };
}

/** Throws `DATA` for rows that aren't whole. */
export function unpackRows({ values, width }: PackedRows): Rows {
  const decoded = decodeNumbers(values);
  if (decoded.length > 0 && decoded.length % width === 0) return { values: decoded, width };
  throw damaged(`${decoded.length} numbers are no rows of ${width}`);
}

export function damaged(why: string): UaferError {
  return new UaferError('DATA', `The density of a calibration is damaged: ${why}. Fit it again: uafer calibrate --density`);
}
