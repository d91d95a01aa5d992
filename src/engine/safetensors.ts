/** The safetensors format: 8 bytes of header length, a JSON header, then the tensors' bytes one after the other. */
import { closeSync, fstatSync, readSync } from 'node:fs';
import { z } from 'zod';
import { UaferError } from '../errors.js';
import { writePiecesAtomically } from '../files.js';
import { openWeights } from './openWeights.js';
import { empty } from './ops.js';
import { scope } from './scope.js';
import { bytesOf } from './tensor.js';
import type { DType, Tensor } from './types.js';

const DTYPES = {
  F64: 'float64',
  F32: 'float32',
  F16: 'float16',
  BF16: 'bfloat16',
  I64: 'int64',
  I32: 'int32',
  I16: 'int16',
  I8: 'int8',
  U8: 'uint8',
  BOOL: 'bool',
} as const satisfies Record<string, DType>;
type FormatDType = keyof typeof DTYPES;
const NAMES = Object.fromEntries(Object.entries(DTYPES).map(([name, dtype]) => [dtype, name])) as Record<DType, FormatDType>;
const BYTES: Record<FormatDType, number> = { F64: 8, F32: 4, F16: 2, BF16: 2, I64: 8, I32: 4, I16: 2, I8: 1, U8: 1, BOOL: 1 };

const LENGTH_BYTES = 8;
/** The format's own bound on the header. */
const MAX_HEADER = 100_000_000;
const ALIGNMENT = 8;
const METADATA = '__metadata__';

const size = z.int().nonnegative();
const entrySchema = z.strictObject({
  dtype: z.enum(Object.keys(DTYPES) as [FormatDType, ...FormatDType[]]),
  shape: z.array(size),
  data_offsets: z.tuple([size, size]),
});

/** One tensor of a file: where its bytes begin and end, counted from the end of the header. */
type SafetensorsEntry = z.infer<typeof entrySchema>;

export interface SafetensorsHeader {
  entries: Record<string, SafetensorsEntry>;
  metadata: Record<string, string>;
  /** Where the first tensor's bytes stand in the file. */
  dataStart: number;
}

/** Whether a file may be a safetensors file, by its first bytes. Throws `CHECKPOINT` when it cannot be opened. */
export function isSafetensors(path: string): boolean {
  const file = openWeights(path);
  try {
    const start = Buffer.alloc(LENGTH_BYTES + 1);
    if (readSync(file, start, 0, start.length, 0) < start.length) return false;
    return start.readBigUInt64LE(0) <= BigInt(MAX_HEADER) && start[LENGTH_BYTES] === '{'.charCodeAt(0);
  } finally {
    closeSync(file);
  }
}

/** Names, dtypes and shapes of a file's tensors, all checked. Throws `CHECKPOINT` naming file and key. */
export function readSafetensorsHeader(path: string): SafetensorsHeader {
  const file = openWeights(path);
  try {
    return readHeader(file, path);
  } finally {
    closeSync(file);
  }
}

/** Every tensor of a file, read straight into its own memory on the CPU. Throws `CHECKPOINT` naming file and key. */
export function readSafetensors(path: string): { tensors: Record<string, Tensor>; metadata: Record<string, string> } {
  const file = openWeights(path);
  try {
    const { entries, metadata, dataStart } = readHeader(file, path);
    const read = ([name, entry]: [string, SafetensorsEntry]) => [name, readTensor(file, entry, dataStart, path)] as const;
    return { tensors: scope(() => Object.fromEntries(Object.entries(entries).map(read))), metadata };
  } finally {
    closeSync(file);
  }
}

/** Writes tensors (from any device) and metadata whole or not at all: beside `path`, then renamed. */
export function writeSafetensors(
  path: string,
  tensors: Readonly<Record<string, Tensor>>,
  metadata: Readonly<Record<string, string>> = {},
): void {
  // The widest types first, as the reference implementation does, so that each tensor is aligned for its type.
  const ordered = Object.entries(tensors).sort(([a, x], [b, y]) => width(y) - width(x) || (a < b ? -1 : 1));
  writePiecesAtomically(path, pieces(ordered, metadata));
}

function* pieces(
  ordered: readonly (readonly [string, Tensor])[],
  metadata: Readonly<Record<string, string>>,
): Generator<Uint8Array> {
  yield headerBytes(ordered, metadata);
  for (const [, tensor] of ordered) yield bytesOf(tensor);
}

function readHeader(file: number, path: string): SafetensorsHeader {
  const fail = (problem: string) => new UaferError('CHECKPOINT', `${path} is not a whole safetensors file: ${problem}.`);
  const fileSize = fstatSync(file).size;
  if (fileSize < LENGTH_BYTES) throw fail(`it has ${fileSize} bytes`);
  const length = Number(readBytes(file, 0, LENGTH_BYTES).readBigUInt64LE(0));
  const dataStart = LENGTH_BYTES + length;
  if (length > MAX_HEADER || dataStart > fileSize) throw fail(`its header claims ${length} bytes of ${fileSize}`);
  const json = parseObject(readBytes(file, LENGTH_BYTES, length));
  if (!json) throw fail('its header is not a JSON object in UTF-8');
  const { [METADATA]: metadata = {}, ...rest } = json;
  if (!holdsTexts(metadata)) throw fail(`${METADATA} must hold texts`);
  for (const [name, value] of Object.entries(rest)) {
    const problem = checkEntry(value, fileSize - dataStart);
    if (problem) throw fail(`"${name}" ${problem}`);
  }
  const entries = rest as SafetensorsHeader['entries'];
  const gap = checkOrder(entries, fileSize - dataStart);
  if (gap) throw fail(gap);
  return { entries, metadata, dataStart };
}

/** By hand, since zod leaves out what is called `__proto__`. */
function holdsTexts(value: unknown): value is Record<string, string> {
  return isObject(value) && Object.values(value).every((text) => typeof text === 'string');
}

function parseObject(bytes: Buffer): Record<string, unknown> | null {
  try {
    const value: unknown = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
    return isObject(value) ? value : null;
  } catch {
    return null;
  }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return value !== null && typeof value === 'object' && !Array.isArray(value);
}

/** What is wrong with an entry of the header, or null. */
function checkEntry(value: unknown, dataBytes: number): string | null {
  const parsed = entrySchema.safeParse(value);
  if (!parsed.success) return `has a bad entry (${parsed.error.issues[0]?.message})`;
  const { dtype, shape, data_offsets: offsets } = parsed.data;
  const [begin, end] = offsets;
  if (begin > end || end > dataBytes) return `lies at ${begin} to ${end}, outside the ${dataBytes} bytes of data`;
  const expected = shape.reduce((product, side) => product * side, BYTES[dtype]);
  return end - begin === expected ? null : `has ${end - begin} bytes; ${dtype} [${shape}] needs ${expected}`;
}

/** What is wrong with the tensors' places, or null: the format wants them one after the other, to the file's last byte. */
function checkOrder(entries: SafetensorsHeader['entries'], dataBytes: number): string | null {
  const places = Object.entries(entries)
    .map(([name, { data_offsets: offsets }]) => ({ name, begin: offsets[0], end: offsets[1] }))
    .sort((a, b) => a.begin - b.begin || a.end - b.end);
  let at = 0;
  for (const { name, begin, end } of places) {
    if (begin !== at) return `"${name}" begins at byte ${begin} of the data; expected ${at}, where the tensor before it ends`;
    at = end;
  }
  return at === dataBytes ? null : `its tensors end at byte ${at} of ${dataBytes} bytes of data`;
}

function readTensor(
  file: number,
  { dtype, shape, data_offsets: offsets }: SafetensorsEntry,
  dataStart: number,
  path: string,
): Tensor {
  const tensor = empty(shape, { dtype: DTYPES[dtype] });
  const bytes = bytesOf(tensor);
  if (readFully(file, bytes, dataStart + offsets[0]) < bytes.length)
    throw new UaferError('CHECKPOINT', `${path} ended while it was being read.`);
  return tensor;
}

function readBytes(file: number, position: number, length: number): Buffer {
  const bytes = Buffer.alloc(length);
  readFully(file, bytes, position);
  return bytes;
}

/** A single read gives at most 2 GiB. */
function readFully(file: number, target: Uint8Array, position: number): number {
  let done = 0;
  while (done < target.length) {
    const read = readSync(file, target, done, Math.min(target.length - done, 2 ** 30), position + done);
    if (read === 0) break;
    done += read;
  }
  return done;
}

function headerBytes(ordered: readonly (readonly [string, Tensor])[], metadata: Readonly<Record<string, string>>): Buffer {
  let offset = 0;
  const entries = ordered.map(([name, tensor]): [string, SafetensorsEntry] => {
    const begin = offset;
    offset += tensor.nbytes;
    return [name, { dtype: NAMES[tensor.dtype], shape: [...tensor.shape], data_offsets: [begin, offset] }];
  });
  const head = Object.keys(metadata).length > 0 ? { [METADATA]: metadata } : {};
  const json = Buffer.from(JSON.stringify({ ...head, ...Object.fromEntries(entries) }), 'utf8');
  const padded = Math.ceil(json.length / ALIGNMENT) * ALIGNMENT;
  const header = Buffer.alloc(LENGTH_BYTES + padded, ' ');
  header.writeBigUInt64LE(BigInt(padded), 0);
  json.copy(header, LENGTH_BYTES);
  return header;
}

function width(tensor: Tensor): number {
  return BYTES[NAMES[tensor.dtype]];
}
