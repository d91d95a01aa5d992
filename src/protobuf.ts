/**
 * Fields of Protocol Buffers' wire format (protobuf.dev/programming-guides/encoding), as far as TensorBoard's events and ONNX files need them: a
 * message is its fields one after the other.
 */

/** A message or text within a message. */
export function bytesField(field: number, value: Uint8Array | string): Uint8Array {
  const bytes = typeof value === 'string' ? Buffer.from(value) : value;
  return Buffer.concat([key(field, 2), varint(bytes.length), bytes]);
}

/** As `bytesField` of a message that is made of these pieces, without copying them together. */
export function messageField(field: number, pieces: readonly Uint8Array[]): Uint8Array[] {
  const length = pieces.reduce((sum, piece) => sum + piece.length, 0);
  return [Buffer.concat([key(field, 2), varint(length)]), ...pieces];
}

/** A whole number from 0. */
export function varintField(field: number, value: number): Uint8Array {
  return Buffer.concat([key(field, 0), varint(value)]);
}

/** Whole numbers of 64 bits, negative ones too, one field each. */
export function int64Fields(field: number, values: readonly number[]): Uint8Array {
  return Buffer.concat(values.flatMap((value) => [key(field, 0), value < 0 ? negativeVarint(value) : varint(value)]));
}

export function doubleField(field: number, value: number): Uint8Array {
  const bytes = Buffer.alloc(8);
  bytes.writeDoubleLE(value);
  return Buffer.concat([key(field, 1), bytes]);
}

export function floatField(field: number, value: number): Uint8Array {
  const bytes = Buffer.alloc(4);
  bytes.writeFloatLE(value);
  return Buffer.concat([key(field, 5), bytes]);
}

function key(field: number, wireType: 0 | 1 | 2 | 5): Uint8Array {
  return varint(field * 8 + wireType);
}

/** Seven bits a byte, lowest first; the high bit says that more follow. */
function varint(value: number): Uint8Array {
  const bytes: number[] = [];
  let rest = value;
  for (; rest >= 0x80; rest = Math.floor(rest / 0x80)) bytes.push((rest % 0x80) + 0x80);
  bytes.push(rest);
  return Uint8Array.from(bytes);
}

/** Two's complement of 64 bits: ten bytes. */
function negativeVarint(value: number): Uint8Array {
  const bytes: number[] = [];
  let rest = BigInt.asUintN(64, BigInt(value));
  for (; rest >= 0x80n; rest >>= 7n) bytes.push(Number(rest & 0x7fn) + 0x80);
  bytes.push(Number(rest));
  return Uint8Array.from(bytes);
}
