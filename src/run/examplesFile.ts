/** What a report shows of single pictures: faces that the model got wrong or is unsure of, and where all of them stand in its features. */
import { existsSync } from 'node:fs';
import { z } from 'zod';
import { UaferError } from '../errors.js';
import { readList, writeFileAtomically } from '../files.js';
import { checksumOf } from './checksum.js';

const VERSION = 1;

const planeSchema = z.object({
  /** Shares of the variance that the two axes explain. */
  explained: z.tuple([z.number(), z.number()]),
  /** Position among the predictions, and place on the plane. */
  points: z.array(z.tuple([z.int().nonnegative(), z.number(), z.number()])),
});

const pictureSchema = z.object({
  /** Position among the predictions. */
  row: z.int().nonnegative(),
  file: z.string(),
  /** A small JPEG of what the model sees, in base64. */
  thumbnail: z.base64(),
  /** Of each class the patches that speak for it: position, and how much from 0 to 1 among all patches. Null where the network has no patches. */
  heatmap: z
    .object({
      rows: z.int().positive(),
      columns: z.int().positive(),
      classes: z.record(z.string(), z.array(z.tuple([z.int().nonnegative(), z.number()]))),
    })
    .nullable(),
});

const examplesSchema = z.object({
  /** Null where the network gives no features. */
  plane: planeSchema.nullable(),
  /** Positions among the predictions: wrong ones, the most certain first; and the least certain first. */
  mistakes: z.array(z.int().nonnegative()),
  uncertain: z.array(z.int().nonnegative()),
  /** Those pictures, each once; without those that cannot be read any more. */
  pictures: z.array(pictureSchema),
});

const fileSchema = z.object({
  format: z.literal('uafer-examples'),
  version: z.literal(VERSION),
  /** Of the predictions file that they belong to. */
  predictions: z.object({ bytes: z.int(), crc32: z.int() }),
  examples: examplesSchema,
});

export type Plane = z.infer<typeof planeSchema>;
export type ExamplePicture = z.infer<typeof pictureSchema>;
export type Examples = z.infer<typeof examplesSchema>;

/** Where the examples of a predictions file stand: `out.examples.json` beside `out.json`. */
function examplesPath(predictions: string): string {
  return predictions.replace(/(\.json)?$/, '.examples.json');
}

/** Writes them beside a predictions file that has been written. */
export function writeExamples(predictions: string, examples: Examples): void {
  const file = { format: 'uafer-examples', version: VERSION, predictions: checksumOf(predictions), examples };
  writeFileAtomically(examplesPath(predictions), `${JSON.stringify(file)}\n`);
}

/**
 * The examples of a predictions file; null when there are none, or they belong to predictions that it has held before.
 *
 * @throws UaferError `DATA` when the file is damaged
 */
export function readExamples(predictions: string): Examples | null {
  const path = examplesPath(predictions);
  if (!existsSync(path)) return null;
  const { predictions: written, examples } = parse(path);
  const now = checksumOf(predictions);
  return now.bytes === written.bytes && now.crc32 === written.crc32 ? examples : null;
}

function parse(path: string): z.infer<typeof fileSchema> {
  try {
    return fileSchema.parse(JSON.parse(readList(path)));
  } catch (cause) {
    if (cause instanceof UaferError) throw cause;
    const reason = cause instanceof z.ZodError ? z.prettifyError(cause) : (cause as Error).message;
    throw new UaferError('DATA', `${path} is damaged: ${reason}. Delete it, or make it again: uafer eval --predictions`, {
      cause,
    });
  }
}
