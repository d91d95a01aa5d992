import { closeSync, existsSync, fstatSync, readSync } from 'node:fs';
import { UaferError } from '../errors.js';
import { isFolder } from '../files.js';
import { native } from './native.js';
import { openWeights } from './openWeights.js';
import { isSafetensors, readSafetensors } from './safetensors.js';
import { readTorchSave } from './torchSave.js';
import type { Tensor } from './types.js';
import { startsZip } from './zip.js';

/**
 * Every tensor of a file of weights, on the CPU, by its name: safetensors, a TorchScript archive, or what `torch.save` wrote (PyTorch
 * 1.6 and newer), told apart by their contents. Throws `CHECKPOINT` naming the file when it is none of these or cannot be read.
 */
export function readWeights(path: string): Record<string, Tensor> {
  if (!existsSync(path) || isFolder(path)) {
    throw new UaferError('CHECKPOINT', `${path}: expected a file of weights (.pt, .pth or .safetensors), and there is none.`);
  }
  if (isSafetensors(path)) return readSafetensors(path).tensors;
  if (!startsZip(readPart(path, 0, 4))) {
    throw new UaferError(
      'CHECKPOINT',
      `${path} is neither safetensors nor an archive of PyTorch 1.6 or newer. A file of an older PyTorch must be loaded and saved again by a newer one.`,
    );
  }
  return isTorchScript(path) ? readTorchScript(path) : readTorchSave(path);
}

function readTorchScript(path: string): Record<string, Tensor> {
  try {
    return native().readTorchScript(path);
  } catch (cause) {
    if (!(cause instanceof UaferError) || cause.code !== 'CHECKPOINT') throw cause;
    const reason = cause.message
      .replace(`${path}: `, '')
      .trim()
      .split(/\.\s|\n/)[0];
    throw new UaferError(
      'CHECKPOINT',
      `${path} is a damaged TorchScript archive: copy or download it again. libtorch: ${reason}`,
      {
        cause,
      },
    );
  }
}

/** Bytes that hold an archive's table of contents, which stands at its end: some hundred names of some hundred bytes. */
const CONTENTS = 2 ** 20;

/** Only TorchScript keeps `constants.pkl`, so its name in the archive's table of contents tells the two apart. */
function isTorchScript(path: string): boolean {
  return readPart(path, -CONTENTS, CONTENTS).includes('/constants.pkl');
}

/** Up to `length` bytes from `start`, counted from the end when negative. */
function readPart(path: string, start: number, length: number): Buffer {
  const file = openWeights(path);
  try {
    const from = start < 0 ? Math.max(0, fstatSync(file).size + start) : start;
    const buffer = Buffer.alloc(length);
    return buffer.subarray(0, readSync(file, buffer, 0, length, from));
  } finally {
    closeSync(file);
  }
}
