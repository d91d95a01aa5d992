/** NumPy's .npy files, as far as annotations need them (format: numpy.lib.format, versions 1 to 3). */
const MAGIC = '\x93NUMPY';

export interface NpyArray {
  shape: readonly number[];
  /** In the file's order; texts that say a number count as that number. */
  values: readonly number[];
}

/**
 * Reads numbers, or texts that say numbers (`<U1` as AffectNet's labels are), in C order.
 *
 * @throws Error that says what is wrong: no .npy, objects, Fortran order with more than one axis, cut off.
 */
export function parseNpy(bytes: Uint8Array): NpyArray {
  const file = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (file.length < 10 || file.toString('latin1', 0, 6) !== MAGIC) throw new Error('it is no .npy file');
  const long = file.readUInt8(6) > 1;
  if (long && file.length < 12) throw new Error('it is cut off');
  const start = long ? 12 : 10;
  const end = start + (long ? file.readUInt32LE(8) : file.readUInt16LE(8));
  if (file.length < end) throw new Error('it is cut off');
  const { kind, littleEndian, size, shape } = parseHeader(file.toString('utf8', start, end));
  const count = shape.reduce((product, length) => product * length, 1);
  const width = kind === 'U' ? size * 4 : size;
  const data = file.subarray(end);
  if (data.length < count * width) throw new Error('it is cut off');
  const reader = readers[`${kind}${kind === 'U' || kind === 'S' ? '' : size}`];
  if (!reader) throw new Error(`its values are of kind ${kind}${size}, which no annotation has`);
  const values = Array.from({ length: count }, (_, i) => reader(data.subarray(i * width, (i + 1) * width), littleEndian));
  return { shape, values };
}

interface Header {
  kind: string;
  littleEndian: boolean;
  /** Bytes, or characters of a text. */
  size: number;
  shape: number[];
}

/** `{'descr': '<f8', 'fortran_order': False, 'shape': (136,), }` */
function parseHeader(header: string): Header {
  const type = /'descr':\s*'([<>|=])([a-zA-Z])(\d+)'/.exec(header);
  const dimensions = /'shape':\s*\(([\d,\sL]*)\)/.exec(header);
  if (!type || !dimensions) throw new Error(`its header cannot be used: ${header.trim()}`);
  const shape = (dimensions[1] ?? '').match(/\d+/g)?.map(Number) ?? [];
  if (/'fortran_order':\s*True/.test(header) && shape.length > 1) throw new Error('it is in Fortran order');
  return { kind: type[2] ?? '', littleEndian: type[1] !== '>', size: Number(type[3]), shape };
}

type ReadValue = (bytes: Buffer, littleEndian: boolean) => number;

const readers: Record<string, ReadValue> = {
  U: (bytes, little) => textNumber(charactersOf(bytes, little)),
  S: (bytes) => textNumber(bytes.toString('latin1')),
  f4: (bytes, little) => (little ? bytes.readFloatLE() : bytes.readFloatBE()),
  f8: (bytes, little) => (little ? bytes.readDoubleLE() : bytes.readDoubleBE()),
  i1: (bytes) => bytes.readInt8(),
  u1: (bytes) => bytes.readUInt8(),
  i2: (bytes, little) => (little ? bytes.readInt16LE() : bytes.readInt16BE()),
  i4: (bytes, little) => (little ? bytes.readInt32LE() : bytes.readInt32BE()),
  i8: (bytes, little) => Number(little ? bytes.readBigInt64LE() : bytes.readBigInt64BE()),
};

function charactersOf(bytes: Buffer, little: boolean): string {
  const points = Array.from({ length: bytes.length / 4 }, (_, i) =>
    little ? bytes.readUInt32LE(i * 4) : bytes.readUInt32BE(i * 4),
  );
  return points.map((point) => String.fromCharCode(point)).join('');
}

function textNumber(text: string): number {
  const trimmed = text.replace(/\0+$/, '').trim();
  const value = trimmed === '' ? Number.NaN : Number(trimmed);
  if (Number.isNaN(value)) throw new Error(`it says "${trimmed}", which is no number`);
  return value;
}
