/** `calibration.json`: what was fitted to a checkpoint's answers, beside the run. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { calibrationSchema } from '../calibration/calibration.js';
import { UaferError } from '../errors.js';
import { writeFileAtomically } from '../files.js';
import { checkpointFolder } from './checkpoint.js';
import { type Checksum, checksumOf } from './checksum.js';

const VERSION = 1;

const schema = z.object({
  format: z.literal('uafer-calibration'),
  version: z.literal(VERSION),
  /** Of the weights whose answers it was fitted to. */
  weights: z.object({ bytes: z.int(), crc32: z.int() }),
  calibration: calibrationSchema,
  /** How it did on validation pictures that it was not fitted to; null where there were none. */
  figures: z.record(z.string(), z.unknown()).nullable(),
});

export type CalibrationFile = Pick<z.infer<typeof schema>, 'calibration' | 'figures'>;

/** Where a run keeps it. */
export function calibrationPath(run: string): string {
  return join(run, 'calibration.json');
}

/** @param checkpoint the checkpoint folder or file whose answers it was fitted to */
export function writeCalibration(path: string, checkpoint: string, { calibration, figures }: CalibrationFile): void {
  const file = { format: 'uafer-calibration', version: VERSION, weights: weightsOf(checkpoint), calibration, figures };
  writeFileAtomically(path, `${JSON.stringify(file, null, 2)}\n`);
}

/**
 * The calibration in a file, and whether it was fitted to this checkpoint's answers.
 *
 * @throws UaferError `DATA` when the file is none
 */
export function readCalibration(path: string, checkpoint: string): CalibrationFile & { fits: boolean } {
  const { weights, calibration, figures } = parse(path);
  return { calibration, figures, fits: same(weights, weightsOf(checkpoint)) };
}

/** Whether a run has one. */
export function holdsCalibration(run: string): boolean {
  return existsSync(calibrationPath(run));
}

function parse(path: string): z.infer<typeof schema> {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (cause) {
    throw new UaferError('DATA', `${path} cannot be read: expected a calibration that \`uafer calibrate\` wrote`, { cause });
  }
  try {
    return schema.parse(JSON.parse(text));
  } catch (cause) {
    const reason = cause instanceof z.ZodError ? z.prettifyError(cause) : (cause as Error).message;
    throw new UaferError('DATA', `${path} is no calibration that this uafer reads: ${reason}. Make it again: uafer calibrate`, {
      cause,
    });
  }
}

function weightsOf(checkpoint: string): Checksum {
  const folder = checkpointFolder(checkpoint);
  return checksumOf(folder ? join(folder, 'model.safetensors') : checkpoint);
}

const same = (a: Checksum, b: Checksum) => a.bytes === b.bytes && a.crc32 === b.crc32;
