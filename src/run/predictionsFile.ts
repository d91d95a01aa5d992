/** The predictions file: what a model answers to each test picture, and what is right. */
import { z } from 'zod';
import { UaferError } from '../errors.js';
import { readList, writeFileAtomically } from '../files.js';

const numbers = z.array(z.number());

const rowSchema = z.object({
  file: z.string(),
  /** True class and predicted class: 0-based positions in `classes`. */
  label: z.int().nonnegative(),
  predicted: z.int().nonnegative(),
  /** (C). */
  logits: numbers,
  probabilities: numbers,
  uncertainty: z.number(),
  /** (C) parameters of the Dirichlet distribution, where an answer is one. */
  alpha: numbers.optional(),
  /** How unlike the pictures of training it is, where the calibration knows them (`src/metrics/scores.ts`). */
  density: z
    .object({
      layers: z.number(),
      relativeMahalanobis: z.number(),
      boundaries: z.number(),
      neighbours: z.number(),
      virtualLogit: z.number(),
      ignorance: z.number(),
    })
    .optional(),
  /** Plain statistics of the picture (`src/image/statistics.ts`). */
  picture: z.object({ luminance: z.number(), contrast: z.number(), sharpness: z.number(), faceSize: z.number() }).optional(),
  /** Raw votes for the classes, then for answers that are no class, where the data set has votes. */
  votes: z.array(z.int().nonnegative()).readonly().optional(),
  /** Of calibrated answers: how much people would disagree, how probably it is wrong, what is to be done with it. */
  ambiguity: z.number().optional(),
  risk: z.number().optional(),
  decision: z.enum(['report', 'ambiguous', 'reject']).optional(),
  /** Of a calibration with conformal sets: positions of the classes among which the right one is, the most probable first. */
  set: z.array(z.int().nonnegative()).optional(),
});

const fileSchema = z.object({ classes: z.array(z.string()).min(1), rows: z.array(rowSchema) });

export type PredictionRow = z.infer<typeof rowSchema>;

export interface PredictionsFile {
  classes: readonly string[];
  rows: readonly PredictionRow[];
}

/** Writes the file, whole or not at all: `{classes, rows: [...]}`, a line a row. */
export function writePredictions(path: string, classes: readonly string[], predictions: readonly PredictionRow[]): void {
  const keys = Object.keys(rowSchema.shape) as (keyof PredictionRow)[];
  const lines = predictions.map((row) => JSON.stringify(Object.fromEntries(keys.map((key) => [key, row[key]]))));
  writeFileAtomically(path, `{"classes": ${JSON.stringify(classes)}, "rows": [\n${lines.join(',\n')}\n]}\n`);
}

/**
 * Reads it and holds each row to the classes.
 *
 * @throws UaferError `DATA` naming the file, and the row that is no answer
 */
export function readPredictions(path: string): PredictionsFile {
  const file = parse(readList(path, 'expected a file that `uafer eval --predictions` wrote'), path);
  if (file.rows.length === 0) throw new UaferError('DATA', `${path} holds no prediction: expected one a test picture.`);
  for (const [i, row] of file.rows.entries()) {
    const problem = problemOf(row, file.classes.length);
    if (problem) throw new UaferError('DATA', `${path}: row ${i} (from 0, ${row.file}) ${problem}.`);
  }
  return file;
}

function parse(text: string, path: string): PredictionsFile {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new UaferError('DATA', `${path} is not JSON: ${(cause as Error).message}. Make it again: uafer eval --predictions`, {
      cause,
    });
  }
  const parsed = fileSchema.safeParse(value);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  const where = issue?.path.join('.') ?? '';
  throw new UaferError(
    'DATA',
    `${path} holds no predictions of \`uafer eval\`: ${where === '' ? '' : `${where}: `}${issue?.message}. Make it again: uafer eval --predictions`,
  );
}

function problemOf(
  { label, predicted, logits, probabilities, alpha, votes, set }: PredictionRow,
  classes: number,
): string | null {
  if (label >= classes || predicted >= classes)
    return `has label ${label} and prediction ${predicted}, and there are ${classes} classes`;
  for (const [name, values] of Object.entries({ logits, probabilities, alpha })) {
    if (values && values.length !== classes) return `has ${values.length} ${name}, and there are ${classes} classes`;
  }
  if (votes && votes.length < classes) return `has votes for ${votes.length} answers, and there are ${classes} classes`;
  if (set?.some((c) => c >= classes)) return `has a class in its set that is none of the ${classes}`;
  return null;
}
