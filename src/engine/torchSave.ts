/** The zip files of `torch.save`: a pickle whose tensors refer to entries that hold their bytes. */
import { closeSync, fstatSync, readSync } from 'node:fs';
import { UaferError } from '../errors.js';
import { openWeights } from './openWeights.js';
import { asStrided, contiguous, empty } from './ops.js';
import { isCall, isGlobal, isReference, type Pickled, readPickle } from './pickle.js';
import { scope } from './scope.js';
import { isContiguous } from './strides.js';
import { bytesOf } from './tensor.js';
import type { DType, Tensor } from './types.js';
import { readZipDirectory, type ZipEntry } from './zip.js';

/** What PyTorch calls the storage of each type. */
export const STORAGES: Readonly<Record<string, { dtype: DType; bytes: number }>> = {
  'torch.DoubleStorage': { dtype: 'float64', bytes: 8 },
  'torch.FloatStorage': { dtype: 'float32', bytes: 4 },
  'torch.HalfStorage': { dtype: 'float16', bytes: 2 },
  'torch.BFloat16Storage': { dtype: 'bfloat16', bytes: 2 },
  'torch.LongStorage': { dtype: 'int64', bytes: 8 },
  'torch.IntStorage': { dtype: 'int32', bytes: 4 },
  'torch.ShortStorage': { dtype: 'int16', bytes: 2 },
  'torch.CharStorage': { dtype: 'int8', bytes: 1 },
  'torch.ByteStorage': { dtype: 'uint8', bytes: 1 },
  'torch.BoolStorage': { dtype: 'bool', bytes: 1 },
};

/** A file that is being read: its entries without the name of the archive in front. */
interface Archive {
  path: string;
  file: number;
  entries: ReadonlyMap<string, ZipEntry>;
}

/** How a tensor lies in one of the file's storages; offset and strides count elements. */
interface Layout {
  storage: string;
  type: string;
  offset: number;
  shape: number[];
  strides: number[];
}

/**
 * The tensors of what `torch.save` wrote (since PyTorch 1.6), on the CPU: those of nested dictionaries under keys joined by dots;
 * numbers, lists and the like beside them are passed over. Nothing that the file names is run. Throws `CHECKPOINT`.
 */
export function readTorchSave(path: string): Record<string, Tensor> {
  const file = openWeights(path);
  try {
    const archive = { path, file, entries: entriesOf(file, path) };
    const layouts = new Map<string, Layout>();
    collect(contentOf(archive), '', layouts, path);
    return scope(() => Object.fromEntries([...layouts].map(([name, layout]) => [name, readTensor(archive, name, layout)])));
  } finally {
    closeSync(file);
  }
}

function damaged(path: string, problem: string, cause?: unknown): UaferError {
  return new UaferError('CHECKPOINT', `${path} is not a whole archive of PyTorch: ${problem}.`, { cause });
}

function entriesOf(file: number, path: string): Map<string, ZipEntry> {
  try {
    const entries = readZipDirectory(file, fstatSync(file).size);
    return new Map([...entries].map(([name, entry]) => [name.slice(name.indexOf('/') + 1), entry]));
  } catch (cause) {
    throw damaged(path, (cause as Error).message, cause);
  }
}

function contentOf(archive: Archive): Pickled {
  const { path } = archive;
  const order = entryBytes(archive, 'byteorder')?.toString('utf8') ?? 'little';
  if (order !== 'little')
    throw new UaferError('CHECKPOINT', `${path} was saved with ${order}-endian numbers; expected little.`);
  const pickle = entryBytes(archive, 'data.pkl');
  if (!pickle) throw damaged(path, 'it lacks data.pkl');
  try {
    return readPickle(pickle);
  } catch (cause) {
    throw damaged(path, (cause as Error).message, cause);
  }
}

function entryBytes({ file, entries, path }: Archive, name: string): Buffer | null {
  const entry = entries.get(name);
  if (!entry) return null;
  const bytes = Buffer.alloc(entry.size);
  readFully(file, bytes, entry.start, path);
  return bytes;
}

function collect(content: Pickled, name: string, layouts: Map<string, Layout>, path: string): void {
  if (content instanceof Map) {
    for (const [key, value] of content) {
      if (typeof key === 'string') collect(value, name === '' ? key : `${name}.${key}`, layouts, path);
    }
    return;
  }
  const layout = layoutOf(content);
  if (layout === 'malformed') throw damaged(path, `the entry of "${name}" is malformed`);
  if (layout) layouts.set(name, layout);
  else if (name === '') throw notADictionary(content, path);
}

function notADictionary(content: Pickled, path: string): UaferError {
  const what =
    isCall(content) && isGlobal(content.callable) ? `an object of the class ${content.callable.name}` : 'no dictionary';
  return new UaferError(
    'CHECKPOINT',
    `${path} holds ${what}; expected a dictionary of tensors. Save the model's state_dict() instead of the model.`,
  );
}

/** The layout of a tensor or parameter; null for anything else. */
function layoutOf(content: Pickled): Layout | 'malformed' | null {
  if (!isCall(content) || !isGlobal(content.callable)) return null;
  const { callable, args } = content;
  if (/^torch\._utils\._rebuild_parameter(_with_state)?$/.test(callable.name)) return layoutOf(args[0] ?? null);
  if (callable.name !== 'torch._utils._rebuild_tensor_v2') return null;
  const [reference, offset, shape, strides] = args;
  if (!isReference(reference) || !Array.isArray(reference.id)) return 'malformed';
  const [, type, storage] = reference.id;
  if (!isGlobal(type) || typeof storage !== 'string') return 'malformed';
  if (!isCount(offset) || !isCounts(shape) || !isCounts(strides) || shape.length !== strides.length) return 'malformed';
  return { storage, type: type.name, offset, shape, strides };
}

function isCount(value: Pickled | undefined): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

function isCounts(value: Pickled | undefined): value is number[] {
  return Array.isArray(value) && value.every(isCount);
}

function readTensor({ path, file, entries }: Archive, name: string, layout: Layout): Tensor {
  const { storage, offset, shape, strides } = layout;
  const type = STORAGES[layout.type];
  if (!type) {
    throw new UaferError('CHECKPOINT', `${path}: "${name}" is stored as ${layout.type}, which is not a type that can be read.`);
  }
  const entry = entries.get(`data/${storage}`);
  if (!entry) throw damaged(path, `the bytes of "${name}" are missing`);
  const span = shape.includes(0) ? 0 : shape.reduce((sum, side, i) => sum + (side - 1) * (strides[i] as number), 1);
  if ((offset + span) * type.bytes > entry.size) throw damaged(path, `"${name}" lies outside its ${entry.size} bytes`);
  return scope(() => {
    const dense = isContiguous(shape, strides);
    const tensor = empty(dense ? shape : [span], { dtype: type.dtype });
    readFully(file, bytesOf(tensor), entry.start + offset * type.bytes, path);
    return dense ? tensor : contiguous(asStrided(tensor, shape, strides));
  });
}

/** A single read gives at most 2 GiB. */
function readFully(file: number, target: Uint8Array, position: number, path: string): void {
  let done = 0;
  while (done < target.length) {
    const read = readSync(file, target, done, Math.min(target.length - done, 2 ** 30), position + done);
    if (read === 0) throw damaged(path, 'it ends too early');
    done += read;
  }
}
