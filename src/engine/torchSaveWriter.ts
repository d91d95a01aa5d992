import { writePiecesAtomically } from '../files.js';
import { bytesOf } from './tensor.js';
import { STORAGES } from './torchSave.js';
import type { Tensor } from './types.js';
import { zipPieces } from './zip.js';

/**
 * Writes tensors (from any device) as `torch.save` writes a dictionary of them: `torch.load` opens the file, with `weights_only` too.
 * Whole or not at all. Throws `IO` when the file cannot be written, or would be larger than 4 GiB.
 */
export function writeTorchSave(path: string, tensors: Readonly<Record<string, Tensor>>): void {
  writePiecesAtomically(path, zipPieces(entriesOf(Object.entries(tensors))));
}

type Named = readonly (readonly [string, Tensor])[];

function* entriesOf(named: Named): Generator<readonly [string, Uint8Array]> {
  yield ['archive/data.pkl', dictionaryPickle(named)];
  yield ['archive/byteorder', Buffer.from('little')];
  for (const [i, [, tensor]] of named.entries()) yield [`archive/data/${i}`, bytesOf(tensor)];
  yield ['archive/version', Buffer.from('3\n')];
}

// Pickle, protocol 2: each of these is the instructions that make a value.

const instruction = (code: string): Buffer => Buffer.from(code, 'latin1');
const FALSE = instruction('\x89');

/** { name: tensor, ... } */
function dictionaryPickle(named: Named): Buffer {
  const items = named.map(([name, tensor], i) => Buffer.concat([text(name), tensorValue(tensor, i)]));
  return Buffer.concat([instruction('\x80\x02}('), ...items, instruction('u.')]);
}

/** _rebuild_tensor_v2(storage, offset, shape, strides, requires_grad, backward hooks) */
function tensorValue({ shape, dtype }: Tensor, storage: number): Buffer {
  const count = shape.reduce((product, side) => product * side, 1);
  const strides = shape.map((_, i) => shape.slice(i + 1).reduce((product, side) => product * side, 1));
  const reference = tuple(text('storage'), globalName(storageType(dtype)), text(String(storage)), text('cpu'), whole(count));
  return call(
    globalName('torch._utils._rebuild_tensor_v2'),
    Buffer.concat([reference, instruction('Q')]),
    whole(0),
    tuple(...shape.map(whole)),
    tuple(...strides.map(whole)),
    FALSE,
    call(globalName('collections.OrderedDict')),
  );
}

function storageType(dtype: Tensor['dtype']): string {
  return Object.keys(STORAGES).find((name) => STORAGES[name]?.dtype === dtype) as string;
}

function text(value: string): Buffer {
  const bytes = Buffer.from(value, 'utf8');
  const head = Buffer.from('X\0\0\0\0', 'latin1');
  head.writeUInt32LE(bytes.length, 1);
  return Buffer.concat([head, bytes]);
}

function whole(value: number): Buffer {
  const bytes = Buffer.from('\x8a\x08\0\0\0\0\0\0\0\0', 'latin1');
  bytes.writeBigInt64LE(BigInt(value), 2);
  return bytes;
}

/** A class or function by its module and name. */
function globalName(qualified: string): Buffer {
  const dot = qualified.lastIndexOf('.');
  return instruction(`c${qualified.slice(0, dot)}\n${qualified.slice(dot + 1)}\n`);
}

function tuple(...items: readonly Buffer[]): Buffer {
  return Buffer.concat([instruction('('), ...items, instruction('t')]);
}

function call(callable: Buffer, ...args: readonly Buffer[]): Buffer {
  return Buffer.concat([callable, tuple(...args), instruction('R')]);
}
